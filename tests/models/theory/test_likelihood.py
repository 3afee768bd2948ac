"""Noise around a decoder's picture: as densities, and as probabilities of 8-bit values."""

import math

import pytest
import torch

from lic.models.theory.likelihood import Noise, log_density, log_probability

NOISES: list[Noise] = ["gaussian", "laplace"]
LEVELS = torch.arange(256) / 255


@pytest.mark.parametrize("noise", NOISES)
def test_densities_are_torchs(noise: Noise) -> None:
    x, mean = torch.rand(100), torch.rand(100)
    kind = torch.distributions.Normal if noise == "gaussian" else torch.distributions.Laplace
    expected = kind(mean, 0.2).log_prob(x)
    assert torch.allclose(log_density(noise, x, mean, torch.tensor(0.2).log()), expected, atol=1e-5)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("mean", [-0.2, 0.0, 0.37, 1.0])
@pytest.mark.parametrize("scale", [1e-3, 0.05, 2.0])
def test_the_256_levels_share_a_probability_of_one(noise: Noise, mean: float, scale: float) -> None:
    log_p = log_probability(noise, LEVELS, torch.tensor(mean), torch.tensor(scale).log())
    assert float(log_p.exp().sum()) == pytest.approx(1)


@pytest.mark.parametrize("noise", NOISES)
def test_hopeless_values_stay_finite_and_cost_what_the_tail_says(noise: Noise) -> None:
    log_p = log_probability(noise, LEVELS, torch.tensor(0.0), torch.tensor(1e-3).log())
    assert torch.isfinite(log_p).all()
    assert (log_p.diff() < 0).all()  # further away is never cheaper
    nearest = 254.5 / 0.255  # in scales: the edge of the last level's bin that is nearest to the mean
    tail = -(nearest**2) / 2 if noise == "gaussian" else -nearest
    assert float(log_p[-1]) == pytest.approx(tail, rel=0.01)


@pytest.mark.parametrize("noise", NOISES)
def test_a_density_depends_on_the_unit_and_a_probability_does_not(noise: Noise) -> None:
    x, mean, log_scale = torch.tensor(102 / 255), torch.tensor(0.45), torch.tensor(0.3).log()
    in_unit = log_density(noise, x, mean, log_scale)
    in_levels = log_density(noise, x * 255, mean * 255, log_scale + math.log(255))
    assert float(in_unit - in_levels) == pytest.approx(math.log(255), abs=1e-4)
    # A level is one wide, so its probability is the density per level, if that hardly changes within it.
    assert log_probability(noise, x, mean, log_scale) == pytest.approx(float(in_levels), abs=1e-4)
