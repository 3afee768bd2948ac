"""Colour given grey."""

import pytest
import torch

from lic.models.architecture import Architecture
from lic.models.theory.conditional import ConditionalAutoencoder, conditional_start, luminance
from tests.conftest import Pixels

POINT = torch.tensor([0])


@pytest.fixture(scope="module")
def x(photo: Pixels) -> torch.Tensor:
    return torch.from_numpy(photo[:64, :96].copy()).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("informed", [True, False])
def test_the_grey_picture_comes_through_untouched(x: torch.Tensor, informed: bool) -> None:
    torch.manual_seed(0)
    model = ConditionalAutoencoder(Architecture(n=8, m=12), (0.02,), informed=informed)
    coded = model(x, POINT, "round")
    assert coded.reconstruction.shape == x.shape
    assert torch.allclose(luminance(coded.reconstruction), luminance(x), atol=1e-5)
    assert coded.bits.shape == (1,)


def test_the_codecs_start_is_that_of_the_blind_model(x: torch.Tensor) -> None:
    models = []
    for informed in (True, False):
        torch.manual_seed(0)
        models.append(ConditionalAutoencoder(Architecture(n=8, m=12), (0.02,), informed=informed))
        torch.manual_seed(0)
        conditional_start(models[-1], x)
    seeing, blind = (model(x, POINT, "round") for model in models)
    assert torch.allclose(seeing.reconstruction, blind.reconstruction, atol=1e-6)
    assert torch.allclose(seeing.bits, blind.bits)


def test_colour_that_follows_from_grey_is_known_without_a_bit_to_those_who_see_grey(x: torch.Tensor) -> None:
    tinted = luminance(x) * torch.tensor([1.3, 1.0, 0.4])[:, None, None]
    errors = {}
    for informed in (True, False):
        torch.manual_seed(0)
        model = ConditionalAutoencoder(Architecture(n=8, m=12), (0.02,), informed=informed)
        conditional_start(model, tinted)
        with torch.no_grad():
            model.log_gain.fill_(-20)  # every latent rounds to zero: the decoder gets no information
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(100):
            coded = model(tinted, POINT, "round")
            errors[informed] = ((coded.reconstruction - tinted) * 255).square().mean()
            optimizer.zero_grad()
            errors[informed].backward()
            optimizer.step()
        assert coded.bits.item() < 1
    assert errors[True] < 0.1 * errors[False], errors
