"""SOAP is Adam in better coordinates."""

from collections.abc import Iterable, Iterator

import pytest
import torch
from torch import Tensor, nn

from lic.tools.training.soap import MEMORY, Soap, from_modes, iterate, to_modes


def orthogonal(size: int) -> Tensor:
    return torch.linalg.qr(torch.randn(size, size)).Q


def run(optimizer: torch.optim.Optimizer, gradients: Iterable[dict[nn.Parameter, Tensor]]) -> None:
    """As the training loop does."""
    for step in gradients:
        for parameter, gradient in step.items():
            parameter.grad = gradient.clone()
        optimizer.step()


def descend(optimizer: torch.optim.Optimizer, weight: nn.Parameter, target: Tensor, skew: list[Tensor]) -> float:
    """The remainder of a quadratic loss whose axes lie askew, and are of very different steepness."""

    def gradients() -> Iterator[dict[nn.Parameter, Tensor]]:
        for step in range(400):
            optimizer.param_groups[0]["lr"] = 0.03 * (1 - step / 400)
            loss = (skew[0] @ (weight - target) @ skew[1]).square().sum()
            yield {weight: torch.autograd.grad(loss, weight)[0]}

    run(optimizer, gradients())
    return float((skew[0] @ (weight.detach() - target) @ skew[1]).square().sum())


def test_axes_that_lie_askew_do_not_slow_it_down() -> None:
    torch.manual_seed(0)
    target = torch.randn(8, 6)
    skew = [orthogonal(n) @ torch.logspace(0, -2, n).diag() @ orthogonal(n) for n in target.shape]
    left = []
    for make in (torch.optim.Adam, Soap):
        weight = nn.Parameter(torch.zeros_like(target))
        left.append(descend(make([weight], lr=0.03), weight, target, skew))
    assert left[1] < left[0] / 10


@pytest.mark.parametrize("shape", [(6,), (4, 3), (4, 3, 5, 5)])
def test_without_rotation_it_is_adam(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    start, gradients = torch.randn(shape), torch.randn(30, *shape)
    results = []
    for make in (torch.optim.Adam, lambda *args, **kwargs: Soap(*args, rotate=False, **kwargs)):
        weight = nn.Parameter(start.clone())
        run(make([weight], lr=0.01, eps=1e-8), [{weight: gradient} for gradient in gradients])
        results.append(weight.detach())
    torch.testing.assert_close(*results)


def test_gradients_far_below_adams_usual_epsilon_move_it_as_far() -> None:
    weights = [nn.Parameter(torch.zeros(4, 3)) for _ in range(2)]
    torch.manual_seed(0)
    gradients = torch.randn(30, 4, 3)
    for weight, scale in zip(weights, (1.0, 1e-8), strict=True):
        run(Soap([weight], lr=0.01, first=1), [{weight: gradient * scale} for gradient in gradients])
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-3, atol=1e-4)


def test_its_coordinates_follow_the_gradients() -> None:
    """Gradients are uncorrelated in them, though the first one, with which the bases began, is unlike the rest."""
    torch.manual_seed(0)
    mix = orthogonal(6) @ torch.logspace(0, -1, 6).diag()
    weight = nn.Parameter(torch.zeros(6, 50))
    optimizer = Soap([weight], lr=0.0, first=1, refresh=2)
    run(optimizer, [{weight: torch.randn(6, 50)}, *[{weight: mix @ torch.randn(6, 50)} for _ in range(200)]])
    basis = optimizer.state[weight]["basis0"]
    torch.testing.assert_close(basis.T @ basis, torch.eye(6), atol=1e-5, rtol=0)
    covariance = basis.T @ mix @ mix.T @ basis
    assert (covariance - covariance.diag().diag()).norm() < 0.1 * covariance.norm()
    assert torch.equal(covariance.diag().argsort(descending=True), torch.arange(6))


def test_adams_averages_keep_their_meaning_when_the_coordinates_turn() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(5, 4))
    turning, fixed = Soap([weight], lr=0.0, first=1, refresh=3), Soap([weight], lr=0.0, first=1, refresh=1000)
    gradients = [{weight: torch.randn(5, 4)} for _ in range(30)]
    run(turning, gradients)
    run(fixed, gradients)

    def mean(optimizer: Soap) -> Tensor:
        state = optimizer.state[weight]
        unrotated: Tensor = state["basis0"] @ state["mean"] @ state["basis1"].T
        return unrotated

    assert not torch.allclose(turning.state[weight]["basis0"], fixed.state[weight]["basis0"], atol=0.1)
    torch.testing.assert_close(mean(turning), mean(fixed), atol=1e-5, rtol=1e-4)


def test_the_first_gradients_together_give_bases_and_move_nothing_that_is_rotated() -> None:
    torch.manual_seed(0)
    matrix, vector = nn.Parameter(torch.zeros(3, 2)), nn.Parameter(torch.zeros(3))
    optimizer = Soap([matrix, vector], lr=0.1, first=4)
    gradients = torch.randn(5, 3, 2)
    run(optimizer, [{matrix: gradient, vector: torch.ones(3)} for gradient in gradients[:4]])
    assert vector.any() and not matrix.any()
    expected = torch.linalg.eigh(sum(g @ g.T for g in gradients[:4])).eigenvectors.flip(1)
    basis = optimizer.state[matrix]["basis0"]
    torch.testing.assert_close((basis.T @ expected).abs(), torch.eye(3), atol=1e-5, rtol=0)
    run(optimizer, [{matrix: gradients[4]}])
    assert matrix.any()


def test_the_covariances_forget_slowly() -> None:
    weight = nn.Parameter(torch.zeros(2, 2))
    optimizer = Soap([weight], lr=0.0, first=1, refresh=1)
    run(optimizer, [{weight: torch.diag(torch.tensor(values))} for values in ([1.0, 0.0], [0.0, 1.0])])
    torch.testing.assert_close(optimizer.state[weight]["covariance0"], torch.diag(torch.tensor([MEMORY, 1 - MEMORY])))


def test_cholesky_qr_gives_the_basis_of_householder_reflections() -> None:
    torch.manual_seed(0)
    mix = torch.randn(3, 8, 8, dtype=torch.float64)
    spread, old = mix @ mix.mT, torch.linalg.qr(torch.randn(3, 8, 8, dtype=torch.float64)).Q
    new, order = iterate(spread, old)
    for k in range(3):
        image = (spread[k] + 1e-6 * spread[k].diag().mean() * torch.eye(8)) @ old[k]
        assert torch.equal(order[k], (old[k] * image).sum(0).argsort(descending=True))
        expected = torch.linalg.qr(image[:, order[k]]).Q
        torch.testing.assert_close(new[k], expected * (expected * new[k]).sum(0).sign(), atol=1e-9, rtol=0)


def test_where_there_is_no_new_basis_the_old_one_stays() -> None:
    spread, old = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1), torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
    spread[0] = torch.nan
    new, order = iterate(spread, old)
    assert torch.equal(new[0], old[0]) and order[0].tolist() == [0, 1, 2, 3]
    assert new.isfinite().all()


@pytest.mark.parametrize("r", [1, 2, 4])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_weights_come_back_from_their_modes(r: int, memory_format: torch.memory_format) -> None:
    weight = torch.randn(3 * r * r, 5, 3, 3).to(memory_format=memory_format)
    modes = to_modes(weight, r)
    assert modes.shape == (3, 9 * r * r, 5)
    assert torch.equal(from_modes(modes, weight, r), weight)


def test_the_places_that_a_sub_pixel_convolution_deals_out_to_are_positions() -> None:
    weight = torch.zeros(8, 1, 1, 1)  # 2 x 2 output pixels of 2 channels
    weight[3] = 1  # output pixel 1, channel 1
    assert to_modes(weight, r=2).nonzero().tolist() == [[1, 1, 0]]


def test_bfloat16_rotations_descend_alike() -> None:
    weights = []
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(1)
        weight = nn.Parameter(torch.zeros(16, 12))
        run(Soap([weight], lr=0.01, first=1, dtype=dtype), [{weight: torch.randn(16, 12) + 1} for _ in range(25)])
        weights.append(weight.detach())
    assert 0 < (weights[1] - weights[0]).norm() < 0.05 * weights[0].norm()
