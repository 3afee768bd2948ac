"""Symbols chosen by cost and by sequences: against all sequences, and against the bound."""

import itertools
import math

import numpy as np
import pytest

from lic.models.theory.trellis import (
    EIGHT_STATES,
    MOST,
    ONE_STATE,
    Doubles,
    choose,
    level,
    quantise_sequences,
    rate_distortion_function,
    round_sequences,
    states_of,
)

SOURCE = np.linspace(-12, 12, 241)
LAPLACIAN = np.exp(-np.abs(SOURCE)) / np.exp(-np.abs(SOURCE)).sum()


@pytest.fixture(scope="module")
def x() -> Doubles:
    return np.random.default_rng(0).laplace(size=(16, 500))


def bits_of(quantiser: int, k: int) -> float:
    return 1 + abs(k) * (1.5 + 0.2 * quantiser)


@pytest.mark.parametrize("trellis", [ONE_STATE, EIGHT_STATES])
def test_the_search_finds_the_cheapest_of_all_sequences(trellis: tuple[tuple[int, int], ...]) -> None:
    x = np.random.default_rng(1).laplace(size=(6, 4), scale=1.5)
    bits = np.array([[bits_of(quantiser, k) for k in range(-MOST, MOST + 1)] for quantiser in (0, 1)])
    every = np.array(list(itertools.product(range(-3, 4), repeat=4)))
    states = states_of(every, trellis)
    rate = bits[states % 2, every + MOST].sum(axis=1)
    chosen = choose(x, 0.7, 3.0, bits, trellis)
    for values, symbols in zip(x, chosen, strict=True):
        cost = rate + 3 * ((values - 0.7 * level(every, states)) ** 2).sum(axis=1)
        assert (every[cost.argmin()] == symbols).all()


def test_each_quantiser_has_zero_and_every_other_point() -> None:
    k = np.arange(-5, 6)
    even, odd = (set(level(k, np.full_like(k, state)).tolist()) for state in (0, 1))
    assert even == set(range(-10, 11, 2)) and odd == {0, *range(-9, 11, 2)}


def test_a_step_of_the_trellis_keeps_all_states_within_reach() -> None:
    reached = {following for pair in EIGHT_STATES for following in pair}
    assert reached == set(range(8))


def test_a_gaussian_has_half_the_logarithm_of_signal_to_noise() -> None:
    density = np.exp(-(SOURCE**2) / 2)
    for slope in (1.0, 4.0, 16.0):
        coded = rate_distortion_function(slope, SOURCE, density / density.sum())
        assert coded.rate == pytest.approx(-math.log2(coded.distortion) / 2, abs=0.01)


def test_quantisers_keep_to_the_bound_and_each_is_better_than_the_one_before(x: Doubles) -> None:
    limit = [rate_distortion_function(slope, SOURCE, LAPLACIAN) for slope in 2.0 ** np.arange(0, 6)]

    def loss(coded: tuple[float, float]) -> float:
        least = np.interp(coded[0], [c.rate for c in limit], [math.log(c.distortion) for c in limit])
        return 10 / math.log(10) * float(math.log(coded[1]) - least)

    rounded = loss(round_sequences(x, 0.5))
    by_cost = loss(quantise_sequences(x, 0.5, 10.5, ONE_STATE))
    by_trellis = loss(quantise_sequences(x, 0.65, 10.5, EIGHT_STATES))
    assert rounded > by_cost + 0.1 > by_trellis + 0.5 > 0.5
    assert by_cost < 10 * math.log10(math.pi * math.e / 6)  # what fine scalar quantisation loses
