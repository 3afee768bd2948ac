"""The choice of levels in dependent quantisation."""

import itertools

import numpy as np
import pytest

from lic.codec.entropy import level_choice
from lic.codec.entropy.compiled import MISSING
from lic.codec.entropy.contexts import phase_map
from lic.codec.entropy.level_choice import Choice
from lic.codec.entropy.prices import NO_TABLE
from lic.codec.entropy.quantisers import TRELLIS
from lic.codec.entropy.walk import MAX_SYMBOL
from lic.models.constants import PHASES
from tests.codec.entropy.random_models import laplacian_densities, random_densities, random_model, reference_of

SIZES = [(1, 1, 1), (3, 2, 5), (9, 4, 4), (20, 7, 3), (2, 1, 9), (2, 9, 1)]


def choices(rng: np.random.Generator, shape: tuple[int, int, int], tables: int) -> Choice:
    """Targets of all sizes, many of them near 0, and any tables; the last channels are not in use."""
    targets = rng.laplace(size=shape) * 2.0 ** rng.uniform(-4, 8, shape)
    numbers = rng.integers(0, tables, shape).astype(np.uint16)
    numbers[int(rng.integers(1, shape[0] + 1)) :] = NO_TABLE
    return Choice(targets.astype(np.float32), numbers, float(rng.uniform(0.5, 20)), float(rng.choice([0, 0.25, 3])))


@pytest.mark.skipif(bool(MISSING), reason="the compiled core is missing")
@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("absurd", [False, True])
def test_c_and_numpy_choose_the_same(shape: tuple[int, int, int], absurd: bool) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        model = random_model(rng, "dependent", shape[0], random_densities(rng, 8, absurd))
        choice, levels = choices(rng, shape, 4), rng.integers(-3, 4, shape).astype(np.int32)
        in_c, in_numpy = levels.copy(), levels.copy()
        for phase in range(PHASES):
            model.at(0).coder.choose_levels(in_c, phase, choice)
            reference_of(model).choose_levels(in_numpy, phase, choice)
            np.testing.assert_array_equal(in_c, in_numpy)


@pytest.mark.skipif(bool(MISSING), reason="the compiled core is missing")
def test_targets_out_of_all_bounds_have_levels_that_can_be_coded() -> None:
    rng = np.random.default_rng(0)
    model = random_model(rng, "dependent", 2, laplacian_densities(4))
    targets = np.array([np.inf, -np.inf, 3e9, -1e30, 2.0**30, -(2.0**30)] * 4, np.float32).reshape(2, 4, 3)
    levels, numbers = np.zeros(targets.shape, np.int32), np.zeros(targets.shape, np.uint16)
    coder = model.at(0).coder
    for phase in range(PHASES):
        coder.choose_levels(levels, phase, Choice(targets, numbers, 8.0))
    assert np.abs(levels).max() <= MAX_SYMBOL and (np.abs(levels) > 2**29).any()
    np.testing.assert_array_equal(coder.decode(coder.encode(levels), levels.shape), levels)


def test_no_other_levels_cost_less() -> None:
    """All sequences of levels around some targets, that the states allow."""
    rng = np.random.default_rng(1)
    model = random_model(rng, "dependent", 1, laplacian_densities(8))
    coder, states = reference_of(model), model.entropy.states
    shape, weight = (1, 2, 10), 3.0
    targets = (3 * rng.laplace(size=shape)).astype(np.float32)
    numbers = rng.integers(0, 4, shape).astype(np.uint16)
    levels = np.zeros(shape, np.int32)
    coder.choose_levels(levels, 0, Choice(targets, numbers, weight))
    places = np.flatnonzero(phase_map(2, 10, 0) == 0)
    wanted, tables = targets.ravel()[places], numbers.ravel()[places]
    prices: dict[tuple[int, int, int], float] = {}
    best = np.inf
    for shifts in itertools.product(range(-3, 4), repeat=len(places)):
        tried = np.round(wanted).astype(np.int32) + np.array(shifts, np.int32)
        state, cost = 0, 0.0
        for level, target, table in zip(tried.tolist(), wanted.tolist(), tables.tolist(), strict=True):
            key = level, state & 1, table
            if key not in prices:
                number = np.array([table + 4 * (state & 1)], np.uint16)
                prices[key] = float(coder.prices.bits(np.array([level], np.int32), number)[0])
            cost += prices[key] + weight * (level - target) ** 2
            if cost >= best:
                break
            state = int(states[state][(abs(level) + (state & 1)) // 2 & 1])
        best = min(best, cost)
    found = levels.ravel()[places]
    of_turns, state = [], 0
    for level in found.tolist():
        of_turns.append(state & 1)
        state = int(states[state][(abs(level) + (state & 1)) // 2 & 1])
    bits = coder.prices.bits(found, (tables + 4 * np.array(of_turns)).astype(np.uint16))
    assert float((bits + weight * np.square(found - wanted)).sum()) == pytest.approx(best, rel=1e-5)


def test_levels_that_are_worth_keeping_stay() -> None:
    rng = np.random.default_rng(2)
    model = random_model(rng, "dependent", 4, laplacian_densities(8))
    coder, shape = reference_of(model), (4, 6, 6)
    targets, numbers = (2 * rng.laplace(size=shape)).astype(np.float32), np.zeros(shape, np.uint16)
    levels = np.zeros(shape, np.int32)
    for phase in range(PHASES):
        coder.choose_levels(levels, phase, Choice(targets, numbers, 8.0))
    again = levels.copy()
    for phase in range(PHASES):
        coder.choose_levels(again, phase, Choice(targets, numbers, 0.01, kept=1e4))
    np.testing.assert_array_equal(again, levels)


def test_levels_of_channels_that_are_not_in_use_become_0() -> None:
    rng = np.random.default_rng(3)
    model = random_model(rng, "dependent", 3, laplacian_densities(8))
    targets, numbers = np.full((3, 4, 4), 5, np.float32), np.zeros((3, 4, 4), np.uint16)
    numbers[2:] = NO_TABLE
    levels = np.full((3, 4, 4), 7, np.int32)
    for phase in range(PHASES):
        reference_of(model).choose_levels(levels, phase, Choice(targets, numbers, 8.0))
    assert not levels[2].any() and levels[:2].all()


def test_odd_numbers_that_are_not_tried_would_be_far_dearer_than_0() -> None:
    heights, steps = laplacian_densities(4)
    model = random_model(np.random.default_rng(4), "dependent", 1, (np.tile(heights, (2, 1)), np.tile(steps, 2)))
    prices = reference_of(model).prices
    weight = np.float32(8)
    nearest = level_choice.sure(weight, prices)
    assert (nearest > 0).any()
    for table in np.flatnonzero(nearest > 0):
        for q, sign in itertools.product((0, 1), (-1, 1)):
            number = np.array([table + 4 * q], np.uint16)
            level = sign * (2 - q)
            one, zero = (float(prices.bits(np.array([v], np.int32), number)[0]) for v in (level, 0))
            x = float(nearest[table])
            assert one + weight * (abs(level) - x) ** 2 >= zero + weight * x**2 + float(level_choice.SURE_BITS) - 1e-3


def test_the_states_of_the_trellis_have_two_ways_in_and_two_out() -> None:
    assert sorted(TRELLIS.ravel().tolist()) == sorted([*range(8), *range(8)])
