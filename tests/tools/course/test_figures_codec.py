"""The figures show what they say."""

import pytest
import torch

from lic.models.quantisation import quantise
from lic.tools.course.figures_codec import FINE, differential_entropy, discrete_entropy, histogram


def test_the_noisy_density_passes_through_the_rounded_probabilities() -> None:
    generator = torch.Generator().manual_seed(0)
    y = 1.7 * torch.randn(400_000, generator=generator) + 0.3
    noise = torch.rand(y.shape, generator=generator) - 0.5
    symbols, p = histogram(quantise(y, "round"), 1)
    centres, density = histogram(quantise(y, "noise", noise), FINE)
    at = dict(zip(centres.tolist(), density.tolist(), strict=True))
    for n, probability in zip(symbols.tolist(), p.tolist(), strict=True):
        if abs(n) <= 4:
            assert at[n] == pytest.approx(probability, abs=0.006)


def test_entropies_agree_for_wide_latents_and_part_for_narrow_ones() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(200_000, generator=generator) - 0.5
    wide = 5 * torch.randn(200_000, generator=generator)
    assert differential_entropy(wide + noise) == pytest.approx(discrete_entropy(quantise(wide, "round")), abs=0.01)
    narrow = wide / 50
    assert discrete_entropy(quantise(narrow, "round")) < 0.01 < 0.2 < differential_entropy(narrow + noise)
