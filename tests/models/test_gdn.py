import pytest
import torch

from lic.models.gdn import GDN, lower_bound


def random_gdn(channels: int, **options: bool) -> GDN:
    layer = GDN(channels, **options).double()
    with torch.no_grad():
        layer.beta_root.uniform_(0.5, 1.5)
        layer.gamma_root.uniform_(0.1, 0.7)
    return layer


@pytest.mark.parametrize("inverse", [False, True])
def test_gdn_is_the_papers_formula(inverse: bool) -> None:
    layer = random_gdn(3, inverse=inverse)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    expected = torch.empty_like(x)
    beta, gamma = layer.beta.tolist(), layer.gamma.tolist()
    for b, i, row, column in torch.cartesian_prod(*(torch.arange(size) for size in x.shape)).tolist():
        pool = beta[i] + sum(gamma[i][j] * x[b, j, row, column].item() ** 2 for j in range(3))
        expected[b, i, row, column] = x[b, i, row, column] * (pool**0.5 if inverse else pool**-0.5)
    torch.testing.assert_close(layer(x), expected)


def test_igdn_undoes_gdn_to_first_order() -> None:
    layer, inverse = GDN(4, gamma=1e-3).double(), GDN(4, inverse=True, gamma=1e-3).double()
    x = torch.randn(1, 4, 8, 8, dtype=torch.float64)
    assert (inverse(layer(x)) - x).abs().max() < 1e-4 * x.abs().max() ** 5


@pytest.mark.parametrize("inverse", [False, True])
def test_gradients(inverse: bool) -> None:
    layer = random_gdn(3, inverse=inverse)
    x = torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)

    def function(x: torch.Tensor, beta_root: torch.Tensor, gamma_root: torch.Tensor) -> torch.Tensor:
        parameters = {"beta_root": beta_root, "gamma_root": gamma_root}
        result: torch.Tensor = torch.func.functional_call(layer, parameters, (x,))
        return result

    assert torch.autograd.gradcheck(function, (x, layer.beta_root, layer.gamma_root))


def test_parameters_stay_in_range_and_can_leave_the_bound() -> None:
    layer = GDN(2)
    with torch.no_grad():
        layer.beta_root.fill_(-1.0)
        layer.gamma_root.fill_(-1.0)
    assert (layer.beta > 0).all() and (layer.gamma >= 0).all()
    # A loss that falls with gamma pushes the stored parameter up, although it lies below the bound.
    (-layer.gamma.sum()).backward()
    assert layer.gamma_root.grad is not None and (layer.gamma_root.grad < 0).all()


def test_lower_bound_passes_only_gradients_that_lift() -> None:
    x = torch.tensor([-1.0, -1.0, 2.0], requires_grad=True)
    (lower_bound(x, 0.0) * torch.tensor([1.0, -1.0, 1.0])).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0.0, -1.0, 1.0]
