from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from lic.models.constants import KNOTS
from lic.models.density import MIN_PROBABILITY, PiecewiseLinearDensity


@pytest.fixture
def density() -> PiecewiseLinearDensity:
    torch.manual_seed(1)
    density = PiecewiseLinearDensity(3, deviation=2.0).double()
    with torch.no_grad():
        density.log_heights += torch.randn_like(density.log_heights)
    return density


def grid(density: PiecewiseLinearDensity, count: int) -> torch.Tensor:
    """Values (1 x channels x count) that cover all knots of all channels, and a little more."""
    u = torch.linspace(KNOTS[0] * 1.05, KNOTS[-1] * 1.05, count, dtype=torch.float64)
    return (u * density.unit[:, None])[None]


def test_knots_are_symmetric_and_grow_by_octaves() -> None:
    widths = np.diff(KNOTS)
    assert tuple(-k for k in reversed(KNOTS)) == KNOTS
    assert set(widths) == {1, 2, 4, 8, 16, 32, 64, 128}


def test_density_integrates_to_one(density: PiecewiseLinearDensity) -> None:
    knots = density.knots.double() * density.unit[:, None]
    p = density.pdf(knots[None])[0].detach()
    areas = integrate.trapezoid(p, knots, axis=1)  # exact for a piecewise-linear function
    np.testing.assert_allclose(areas, 1, rtol=1e-12)


def test_pdf_is_the_derivative_of_cdf(density: PiecewiseLinearDensity) -> None:
    y = torch.randn(1, 3, 1000, dtype=torch.float64).mul(3).requires_grad_()
    (gradient,) = torch.autograd.grad(density.cdf(y).sum(), y)
    torch.testing.assert_close(gradient, density.pdf(y))


def test_cdf_runs_from_zero_to_one_and_rises(density: PiecewiseLinearDensity) -> None:
    f = density.cdf(grid(density, 4001))[0]
    assert (f.diff(dim=1) >= 0).all()
    torch.testing.assert_close(f[:, 0], torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(f[:, -1], torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("step", [0.05, 0.7, 30.0])
def test_interval_probabilities_sum_to_one(density: PiecewiseLinearDensity, step: float) -> None:
    reach = int(KNOTS[-1] * density.unit.max() / step) + 2
    n = torch.arange(-reach, reach + 1, dtype=torch.float64).expand(1, 3, -1)
    low, high = density.cdf((n - 0.5) * step), density.cdf((n + 0.5) * step)
    torch.testing.assert_close((high - low).sum(dim=2), torch.ones(1, 3, dtype=torch.float64))


def test_outside_the_knots_the_density_is_zero_but_probability_is_not(density: PiecewiseLinearDensity) -> None:
    far = torch.full((1, 3, 1), 3000.0, dtype=torch.float64)
    assert (density.pdf(far) == 0).all()
    assert (density.probability(far - 0.5, far + 0.5) == MIN_PROBABILITY).all()


def test_gradients_of_probability(density: PiecewiseLinearDensity) -> None:
    y = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)

    def function(y: torch.Tensor, log_heights: torch.Tensor) -> torch.Tensor:
        shifted = PiecewiseLinearDensity(3).double()
        shifted.unit.copy_(density.unit)
        del shifted.log_heights
        shifted.log_heights = log_heights  # type: ignore[assignment]
        return shifted.probability(y - 0.5, y + 0.5)

    assert torch.autograd.gradcheck(function, (y, density.log_heights))


def test_samples_follow_the_cdf(density: PiecewiseLinearDensity) -> None:
    samples = density.sample(4000, torch.Generator().manual_seed(0))
    for channel in range(3):

        def cdf(values: np.ndarray, channel: int = channel) -> np.ndarray:
            y = torch.zeros(1, 3, len(values), dtype=torch.float64)
            y[0, channel] = torch.from_numpy(values)
            return density.cdf(y)[0, channel].detach().numpy()

        assert stats.kstest(samples[:, channel].numpy(), cdf).pvalue > 1e-3


def test_em_fit_raises_the_likelihood_and_finds_the_source(density: PiecewiseLinearDensity) -> None:
    y = density.sample(50_000, torch.Generator().manual_seed(0)).T[None]
    fitted = PiecewiseLinearDensity(3, deviation=2.0).double()
    fitted.unit.copy_(density.unit)
    likelihoods = []
    for _ in range(12):
        likelihoods.append(fitted.pdf(y).log().mean().item())
        fitted.fit(y, iterations=1, prior=0)
    assert all(after >= before - 1e-12 for before, after in pairwise(likelihoods))
    assert likelihoods[-1] >= density.pdf(y).log().mean().item() - 0.01
