from fractions import Fraction
from itertools import pairwise
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lic.codec.entropy.tables import frequency_tables
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.torch_network import thaw
from lic.models.constants import KNOTS
from lic.models.density import PiecewiseLinearDensity

KNOT_ARRAY = np.array(KNOTS)
TOTAL, MAX_HEIGHT, MAX_STEP = 2**24, 2**20, 2**24  # the format's, as FORMAT.md has them


def table_in_fractions(heights: list[int], step: int) -> tuple[int, list[int]]:
    """A table by the formulas of FORMAT.md, in exact fractions."""

    def mass_below(u: Fraction) -> Fraction:
        total = Fraction(0)
        for (a, b), (low, high) in zip(pairwise(KNOTS), pairwise(heights), strict=True):
            if u >= b:
                total += Fraction((b - a) * (low + high), 2)
            elif u > a:
                t = Fraction(floor((u - a) / (b - a) * 2**12), 2**12)
                total += (b - a) * (low * t + (high - low) * t * t / 2)
        return total

    whole = mass_below(Fraction(KNOTS[-1]))
    masses = {k: mass_below(Fraction(k)) for k in KNOTS}
    unit = Fraction(1, 2**25)  # masses are counted in these; the comparison is in whole counts
    tail = floor(whole / unit) >> 18
    low_knot = max(k for k in KNOTS if masses[k] / unit <= tail)
    high_knot = min(k for k in KNOTS if (whole - masses[k]) / unit <= tail)
    s = Fraction(step, 2**12)
    reach = int(2 * KNOTS[-1] / s) + 2
    symbols = [
        n
        for n in range(-reach, reach + 1)
        if (n + Fraction(1, 2)) * s > low_knot and (n - Fraction(1, 2)) * s < high_knot
    ]
    count = len(symbols)
    shift = unit * 2**18

    def scaled(u: Fraction) -> int:
        return floor(mass_below(u) / shift) * (TOTAL - count - 1) // floor(whole / shift)

    borders = [scaled((n - Fraction(1, 2)) * s) for n in [*symbols, symbols[-1] + 1]]
    frequencies = [b - a + 1 for a, b in pairwise(borders)]
    return symbols[0], [*frequencies, TOTAL - sum(frequencies)]


@st.composite
def densities(draw: st.DrawFn) -> list[int]:
    """Heights from flat to sharply peaked, with zeros."""
    values = draw(st.lists(st.integers(0, 20), min_size=len(KNOTS), max_size=len(KNOTS)))
    heights = [2**v if v else 0 for v in values]
    heights[draw(st.integers(0, len(KNOTS) - 1))] = MAX_HEIGHT
    return heights


@settings(max_examples=15, deadline=None)
@given(densities(), st.integers(2**12, 2**23))
def test_tables_are_the_exact_integers_that_the_format_words(heights: list[int], step: int) -> None:
    tables = frequency_tables(np.array([heights]), np.array([step]), KNOT_ARRAY)
    first, frequencies = table_in_fractions(heights, step)
    assert tables.first[0] == first
    assert tables.row(0).tolist() == frequencies


def test_tails_of_exactly_the_share_for_the_escape_are_left_to_it() -> None:
    heights = [0] * len(KNOTS)
    for knot, height in {-4: 1, 0: 2**18 - 2, 4: 1}.items():
        heights[KNOTS.index(knot)] = height
    tables = frequency_tables(np.array([heights]), np.array([2**12]), KNOT_ARRAY)
    first, frequencies = table_in_fractions(heights, 2**12)
    assert (tables.first[0], tables.row(0).tolist()) == (first, frequencies)
    assert (first, len(frequencies) - 1) == (-1, 3)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(densities(), st.integers(200, MAX_STEP)), min_size=1, max_size=4))
def test_frequencies_are_positive_and_fill_the_total(rows: list[tuple[list[int], int]]) -> None:
    heights, steps = np.array([h for h, _ in rows]), np.array([s for _, s in rows])
    tables = frequency_tables(heights, steps, KNOT_ARRAY)
    for i in range(len(rows)):
        assert tables.row(i).min() >= 1
        assert tables.row(i).sum() == TOTAL
        assert tables.size[i] >= 2


def test_rows_do_not_depend_on_their_company() -> None:
    rng = np.random.default_rng(0)
    heights = rng.integers(0, MAX_HEIGHT, (6, len(KNOTS)))
    steps = rng.integers(500, 2**20, 6)
    together = frequency_tables(heights, steps, KNOT_ARRAY)
    for i in range(6):
        alone = frequency_tables(heights[i : i + 1], steps[i : i + 1], KNOT_ARRAY)
        assert alone.first[0] == together.first[i]
        assert alone.row(0).tolist() == together.row(i).tolist()


def test_tables_agree_with_the_densitys_probabilities(tiny_model: FrozenModel) -> None:
    """The probability of a symbol in training is the one that the coder uses."""
    import torch

    density: PiecewiseLinearDensity = thaw(tiny_model).density
    for k in range(3):
        tables = frequency_tables(tiny_model.heights, tiny_model.steps[k], KNOT_ARRAY)
        step = torch.from_numpy(tiny_model.steps[k] * tiny_model.unit / 2**12).float()
        for c in range(tiny_model.channels):
            n = torch.arange(int(tables.first[c]), int(tables.first[c] + tables.size[c] - 1)).float()
            y = (n * step[c]).expand(tiny_model.channels, -1)[None]
            p = density.probability(y - step[c] / 2, y + step[c] / 2)[0, c]
            np.testing.assert_allclose(tables.row(c)[:-1] / TOTAL, p.numpy(), rtol=2e-2, atol=2e-6)


@pytest.mark.parametrize("step", [1, MAX_STEP])
def test_extreme_steps(step: int) -> None:
    heights = np.zeros((1, len(KNOTS)), np.int64)
    heights[0, len(KNOTS) // 2] = MAX_HEIGHT
    tables = frequency_tables(heights, np.array([step]), KNOT_ARRAY)
    assert tables.row(0).sum() == TOTAL and tables.row(0).min() >= 1
