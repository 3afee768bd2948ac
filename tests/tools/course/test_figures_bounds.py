"""The figures of bounds and entropies show what they say."""

import math

import pytest
import torch

from lic.models.theory.em import fit
from lic.models.theory.factor_analysis import probabilistic_pca
from lic.tools.course.figures_bounds import measure_forms, overlapping_mixture, patches
from lic.tools.course.figures_codec import differential_entropy, discrete_entropy


@pytest.fixture(scope="module")
def y(photo) -> torch.Tensor:  # type: ignore[no-untyped-def]
    picture = torch.from_numpy(photo).permute(2, 0, 1)
    return patches([picture], 500, torch.Generator().manual_seed(0))


def test_patches_are_grey_and_vary(y: torch.Tensor) -> None:
    assert y.shape[1] == 64 and len(y) > 50
    assert (y.std(dim=1) > 1 / 255).all() and y.min() >= 0 and y.max() <= 1


def test_the_four_forms_agree_and_the_first_is_exact_at_the_posterior(y: torch.Tensor) -> None:
    model = probabilistic_pca(y, 4)
    for t in (0.8, 0.9, 1.0):
        measured = measure_forms(model, y[:50], t, torch.Generator().manual_seed(0))
        exact = measured.values["evidence minus KL"]
        error = max(measured.deviations.values()) / (50 * 400) ** 0.5
        for name, value in measured.values.items():
            assert value == pytest.approx(exact, abs=6 * error), name
    assert measured.kl_to_posterior == pytest.approx(0, abs=1e-9)
    assert measured.deviations["log-joint minus log q"] < 1e-6 < measured.deviations["reconstruction minus KL"]


def test_a_form_with_a_closed_part_varies_less_where_q_is_narrow(y: torch.Tensor) -> None:
    model = probabilistic_pca(y, 4)
    wide, narrow = (
        measure_forms(model, y[:50], 1.0, torch.Generator().manual_seed(0), width).deviations for width in (1.0, 1 / 8)
    )
    first, *closed = wide
    assert wide[first] < min(wide[name] for name in closed) and narrow[first] > max(narrow[name] for name in closed)
    assert narrow[first] == pytest.approx(2**0.5, rel=0.05)  # of ln q of 4 Gaussian factors


def test_hard_em_cuts_off_tails_where_components_overlap() -> None:
    y = overlapping_mixture().sample(900, torch.Generator().manual_seed(0))
    soft, hard = (
        fit(y, 3, hard=hard, generator=torch.Generator().manual_seed(0))[-1].mixture.covariances
        for hard in (False, True)
    )
    of_one = [float(c.diagonal(dim1=1, dim2=2).mean()) for c in (soft, hard)]
    assert of_one[0] == pytest.approx(0.8, abs=0.08) and of_one[1] < 0.7


def test_a_function_can_raise_differential_entropy_but_not_that_of_symbols() -> None:
    x = 4 * torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    assert differential_entropy(4 * x) == pytest.approx(differential_entropy(x) + 2, abs=0.02)
    symbols = x.round()
    assert discrete_entropy(4 * symbols) == pytest.approx(discrete_entropy(symbols))
    assert discrete_entropy(symbols.abs()) < discrete_entropy(symbols)


def test_differential_entropy_may_be_negative() -> None:
    narrow = torch.rand(200_000, generator=torch.Generator().manual_seed(0)) * 0.5
    assert math.log2(0.5) - 0.2 < differential_entropy(narrow) < 0
