"""Colour given grey."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lic.models.conditional import ConditionalAutoencoder, conditional_start, luminance, regress

Pixels = NDArray[np.uint8]
POINT = torch.tensor([0])


@pytest.fixture(scope="module")
def x(photo: Pixels) -> torch.Tensor:
    return torch.from_numpy(photo[:64, :96].copy()).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("informed", [True, False])
def test_the_grey_picture_comes_through_untouched(x: torch.Tensor, informed: bool) -> None:
    torch.manual_seed(0)
    model = ConditionalAutoencoder(8, 12, (0.02,), informed=informed)
    coded = model(x, POINT, "round")
    assert coded.reconstruction.shape == x.shape
    assert torch.allclose(luminance(coded.reconstruction), luminance(x), atol=1e-5)
    assert coded.bits.shape == (1,)


def test_before_it_learns_anything_side_information_changes_nothing(x: torch.Tensor) -> None:
    torch.manual_seed(0)
    informed = ConditionalAutoencoder(8, 12, (0.02,))
    blind = ConditionalAutoencoder(8, 12, (0.02,), informed=False)
    blind.load_state_dict(informed.state_dict(), strict=False)
    assert torch.allclose(informed(x, POINT, "round").reconstruction, blind(x, POINT, "round").reconstruction)


def test_colour_that_follows_from_grey_is_cheaper_for_those_who_look_at_grey(x: torch.Tensor) -> None:
    tinted = luminance(x) * torch.tensor([1.3, 1.0, 0.4])[:, None, None]
    bits, errors = {}, {}
    for informed in (True, False):
        torch.manual_seed(0)
        model = ConditionalAutoencoder(8, 12, (0.02,), informed=informed)
        conditional_start(model, tinted)
        coded = model(tinted, POINT, "round")
        bits[informed] = float(coded.bits.detach())
        errors[informed] = float((coded.reconstruction - tinted).detach().square().mean())
    assert bits[True] < 0.5 * bits[False]
    assert errors[True] < 1.1 * errors[False]


def test_regression_finds_the_convolution_that_made_the_target() -> None:
    torch.manual_seed(0)
    made_by, found = (torch.nn.Conv2d(2, 3, 3, stride=2, padding=1).requires_grad_(False) for _ in range(2))
    features = torch.randn(8, 2, 32, 32)
    regress(found, features, made_by(features), ridge=1e-9)
    assert torch.allclose(found.weight, made_by.weight, atol=1e-5)
    assert torch.allclose(found.bias, made_by.bias, atol=1e-5)
