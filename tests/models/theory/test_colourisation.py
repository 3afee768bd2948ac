"""Colourisation with a latent segmentation, on a picture whose segments are known."""

import pytest
import torch

from lic.models.theory.colourisation import (
    colour_features,
    colour_log_density,
    colourise,
    fit_segments,
    grey_features,
)
from lic.models.theory.conditional import luminance


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    """A bright blue sky over dark orange ground, both with some texture."""
    generator = torch.Generator().manual_seed(0)
    texture = 1 + 0.15 * torch.randn(1, 48, 64, generator=generator)
    sky, ground = torch.tensor([0.55, 0.75, 0.95]), torch.tensor([0.35, 0.2, 0.05])
    where = (torch.arange(48) < 24)[None, :, None]
    clean = torch.where(where, sky[:, None, None], ground[:, None, None]) * texture
    return (clean + 0.01 * torch.randn(3, 48, 64, generator=generator)).clamp(0, 1)


def test_two_segments_beat_one(picture: torch.Tensor) -> None:
    densities = [
        colour_log_density(fit_segments([picture], k, generator=torch.Generator().manual_seed(0)), picture).mean()
        for k in (1, 2)
    ]
    assert densities[1] > densities[0] + 0.3


def test_grey_alone_tells_segment_and_colour(picture: torch.Tensor) -> None:
    mixture = fit_segments([picture], 2, generator=torch.Generator().manual_seed(0))
    grey = luminance(picture[None])[0]
    coloured, segments = colourise(mixture, grey)
    assert torch.allclose(segments.sum(0), torch.ones(48, 64).double())
    upper = segments[:, :24].mean((1, 2)).argmax()
    assert segments[upper, :24].mean() > 0.95 > 0.05 > segments[upper, 24:].mean()
    assert (coloured - picture).abs().mean() < 0.02 < 0.1 < (grey - picture).abs().mean()
    assert torch.allclose(luminance(coloured[None])[0], grey, atol=1e-5)


def test_features_are_grey_around_and_colour_at_each_pixel() -> None:
    flat = torch.full((3, 8, 6), 0.25)
    assert torch.allclose(grey_features(flat[:1])[:, :3], torch.full((48, 3), 0.25).double())
    assert torch.allclose(colour_features(flat), torch.zeros(48, 2).double(), atol=1e-6)
