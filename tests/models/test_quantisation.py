import pytest
import torch

from lic.models.constants import DEAD_ZONE
from lic.models.quantisation import quantise, soft_round


def test_rounding_is_floor_of_y_plus_a_half() -> None:
    y = torch.tensor([-2.5, -0.51, -0.5, 0.0, 0.5, 1.49, 1.5])
    assert quantise(y, "round").tolist() == [-2.0, -1.0, 0.0, 0.0, 1.0, 1.0, 2.0]


def test_noise_is_uniform_on_half_open_unit_interval() -> None:
    torch.manual_seed(0)
    u = quantise(torch.zeros(100_000), "noise")
    assert u.min() >= -0.5 and u.max() < 0.5
    assert abs(u.mean()) < 4 * (1 / 12 / 100_000) ** 0.5
    assert u.var().item() == pytest.approx(1 / 12, rel=0.02)


def test_given_noise_is_what_is_added() -> None:
    noise = torch.tensor([0.25, -0.25])
    assert quantise(torch.ones(2), "noise", noise).tolist() == [1.25, 0.75]


def test_gradients_pass_noise_and_straight_through_but_not_rounding() -> None:
    for how, gradient in (("noise", 1.0), ("straight-through", 1.0), ("round", 0.0)):
        y = torch.tensor([0.3], requires_grad=True)
        quantise(y, how).sum().backward()  # type: ignore[arg-type]
        assert y.grad is not None and y.grad.item() == gradient


def test_straight_through_has_the_values_that_are_coded() -> None:
    y = torch.linspace(-3, 3, 1001)
    torch.testing.assert_close(quantise(y, "straight-through"), quantise(y, "dead-zone"))


def test_unknown_way_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown way"):
        quantise(torch.zeros(1), "floor")  # type: ignore[arg-type]


def test_the_dead_zone_makes_zeros_of_small_ones_and_nothing_else() -> None:
    y = torch.linspace(-3, 3, 6001)
    coded, rounded = quantise(y, "dead-zone"), quantise(y, "round")
    differ = coded != rounded
    assert differ.any() and (coded[differ] == 0).all() and (rounded[differ].abs() == 1).all()
    assert y[differ].abs().max() < 0.5 + DEAD_ZONE
    assert (coded[(y.abs() > 0.5 + DEAD_ZONE)] != 0).all()


def test_soft_rounding_lies_between_the_identity_and_rounding() -> None:
    y = torch.linspace(-3, 3, 601)
    assert torch.equal(soft_round(y, 0.0), y)
    torch.testing.assert_close(soft_round(y, 1e-2), y, atol=1e-5, rtol=0)
    away = (y - y.floor() - 0.5).abs() > 0.005  # from where rounding jumps
    torch.testing.assert_close(soft_round(y, 1e4)[away], quantise(y, "round")[away], atol=1e-5, rtol=0)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 6.0, 30.0])
def test_soft_rounding_keeps_integers_and_halves_and_rises(alpha: float) -> None:
    kept = torch.arange(-6, 7) / 2
    torch.testing.assert_close(soft_round(kept, alpha), kept)
    y = torch.linspace(-3, 3, 6001)
    assert (soft_round(y, alpha).diff() >= 0).all()


def test_soft_rounding_has_the_slope_of_its_formula() -> None:
    y = torch.tensor([0.0, 0.5, 0.8], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: soft_round(y[1:], 6.0), y)
