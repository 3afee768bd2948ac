"""SOAP is Adam in better coordinates."""

import pytest
import torch
from torch import Tensor, nn

from lic.tools.training.soap import MEMORY, Soap, from_modes, to_modes


def orthogonal(size: int) -> Tensor:
    return torch.linalg.qr(torch.randn(size, size)).Q


def descend(optimizer: type[torch.optim.Optimizer], target: Tensor, skew: list[Tensor], steps: int) -> float:
    """The final value of an ill-conditioned quadratic loss whose axes are rotated."""
    weight = nn.Parameter(torch.zeros_like(target))
    descent = optimizer([weight], lr=0.03)  # type: ignore[call-arg]
    for step in range(steps):
        descent.param_groups[0]["lr"] = 0.03 * (1 - step / steps)
        loss = (skew[0] @ (weight - target) @ skew[1]).square().sum()
        descent.zero_grad()
        loss.backward()
        descent.step()
    return loss.item()


def test_axes_that_lie_askew_do_not_slow_it_down() -> None:
    torch.manual_seed(0)
    target = torch.randn(8, 6)
    skew = [orthogonal(n) @ torch.logspace(0, -2, n).diag() @ orthogonal(n) for n in target.shape]
    adam, soap = (descend(optimizer, target, skew, steps=400) for optimizer in (torch.optim.Adam, Soap))
    assert soap < adam / 10


@pytest.mark.parametrize("shape", [(6,), (4, 3), (4, 3, 5, 5)])
def test_without_rotation_it_is_adam(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    start, gradients = torch.randn(shape), torch.randn(30, *shape)
    results = []
    for make in (torch.optim.Adam, lambda *args, **kwargs: Soap(*args, rotate=False, **kwargs)):
        weight = nn.Parameter(start.clone())
        optimizer = make([weight], lr=0.01, betas=(0.9, 0.99))
        for gradient in gradients:
            weight.grad = gradient.clone()
            optimizer.step()
        results.append(weight.detach())
    torch.testing.assert_close(*results)


def test_its_coordinates_follow_the_gradients() -> None:
    """Gradients are uncorrelated in them, though the first one, which initialises the bases, differs from the rest."""
    torch.manual_seed(0)
    mix = orthogonal(6) @ torch.logspace(0, -1, 6).diag()
    weight = nn.Parameter(torch.zeros(6, 50))
    optimizer = Soap([weight], lr=0.0, refresh=2)
    weight.grad = torch.randn(6, 50)
    optimizer.step()
    for _ in range(200):
        weight.grad = mix @ torch.randn(6, 50)
        optimizer.step()
    basis = optimizer.state[weight]["basis0"]
    torch.testing.assert_close(basis.T @ basis, torch.eye(6), atol=1e-5, rtol=0)
    covariance = basis.T @ mix @ mix.T @ basis
    assert (covariance - covariance.diag().diag()).norm() < 0.1 * covariance.norm()
    assert torch.equal(covariance.diag().argsort(descending=True), torch.arange(6))


def test_adams_averages_keep_their_meaning_when_the_coordinates_turn() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(5, 4))
    turning, fixed = Soap([weight], lr=0.0, refresh=3), Soap([weight], lr=0.0, refresh=1000)
    for _ in range(30):
        weight.grad = torch.randn(5, 4)
        turning.step()
        fixed.step()

    def mean(optimizer: Soap) -> Tensor:
        state = optimizer.state[weight]
        unrotated: Tensor = state["basis0"] @ state["mean"] @ state["basis1"].T
        return unrotated

    assert not torch.allclose(turning.state[weight]["basis0"], fixed.state[weight]["basis0"], atol=0.1)
    torch.testing.assert_close(mean(turning), mean(fixed), atol=1e-5, rtol=1e-4)


def test_the_first_gradient_gives_bases_and_moves_nothing() -> None:
    matrix, vector = nn.Parameter(torch.zeros(3, 2)), nn.Parameter(torch.zeros(3))
    optimizer = Soap([matrix, vector], lr=0.1)
    moved = []
    for _ in range(2):
        matrix.grad, vector.grad = torch.randn(3, 2), torch.ones(3)
        optimizer.step()
        moved.append((bool(matrix.any()), bool(vector.any())))
    assert moved == [(False, True), (True, True)]


def test_the_covariances_forget_slowly() -> None:
    weight = nn.Parameter(torch.zeros(2, 2))
    optimizer = Soap([weight], lr=0.0, refresh=1)
    weight.grad = torch.diag(torch.tensor([1.0, 0.0]))
    optimizer.step()
    weight.grad = torch.diag(torch.tensor([0.0, 1.0]))
    optimizer.step()
    torch.testing.assert_close(optimizer.state[weight]["covariance0"], torch.diag(torch.tensor([MEMORY, 1 - MEMORY])))


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
        optimizer = Soap([weight], lr=0.01, dtype=dtype)
        for _ in range(25):
            weight.grad = torch.randn(16, 12) + 1
            optimizer.step()
        weights.append(weight.detach())
    assert 0 < (weights[1] - weights[0]).norm() < 0.05 * weights[0].norm()
