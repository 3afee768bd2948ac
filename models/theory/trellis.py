"""Quantisers beyond rounding: symbols chosen by cost, one by one or as a whole sequence through a trellis.

Rounding finds the nearest point, whatever its code costs. An entropy-constrained quantiser minimises bits and error:

    sum of  bits(k) + weight (x - step k)^2

Dependent quantisation (JPEG 2000 part 2, VVC) has two quantisers of twice the step. One has the even points of a grid,
the other the odd ones and zero; which of them is in use depends on a state s, and the state on the parities of the
symbols before:

    level(k, s) = 2 k - (s mod 2) sign(k)        s' = EIGHT_STATES[s][k mod 2]

Each symbol costs the bits of a coarse grid, while sequences of symbols reach points that lie denser in many dimensions
than those of any grid of single numbers. The decoder follows the states; the encoder has to search, since a symbol
decides which points the next ones can have. Of all beginnings that end in one state only the cheapest can be part of
the best sequence: so the Viterbi algorithm keeps one for each state.

With one state there is nothing to search, and all is scalar quantisation with the step of the even points.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Trellis = tuple[tuple[int, int], ...]  # for each state, the next one after an even and after an odd symbol

ONE_STATE: Trellis = ((0, 0),)
EIGHT_STATES: Trellis = ((0, 1), (3, 2), (5, 4), (6, 7), (1, 0), (2, 3), (4, 5), (7, 6))  # Ungerboeck's
MOST = 40  # the largest symbol; the sources here hardly need it
ROUNDS = 6  # of choosing symbols and fitting their code


class Coded(NamedTuple):
    """Bits and squared error per sample."""

    rate: float
    distortion: float


def level(k: Integers, state: Integers) -> Integers:
    """The point of the fine grid that a symbol means.

    >>> k = np.arange(-2, 3)
    >>> level(k, np.zeros_like(k)), level(k, np.ones_like(k))
    (array([-4, -2,  0,  2,  4]), array([-3, -1,  0,  1,  3]))
    """
    return 2 * k - state % 2 * np.sign(k)


def states_of(symbols: Integers, trellis: Trellis) -> Integers:
    """The state before each symbol of sequences, one a row, as a decoder follows it."""
    following, states = np.array(trellis), np.zeros_like(symbols)
    for t in range(1, symbols.shape[1]):
        states[:, t] = following[states[:, t - 1], symbols[:, t - 1] % 2]
    return states


def choose(x: Doubles, step: float, weight: float, bits: Doubles, trellis: Trellis) -> Integers:
    """The symbols of least cost for sequences x, one a row; bits are those of each quantiser's symbols, from -MOST."""
    cost, symbol = best_of_each_parity(x, step, weight, bits)
    before = [
        [(s, parity) for s, following in enumerate(trellis) for parity in (0, 1) if following[parity] == state]
        for state in range(len(trellis))
    ]
    total = np.full((len(trellis), len(x)), np.inf)
    total[0] = 0
    ways = []
    for t in range(x.shape[1]):
        reached = np.array([[total[s] + cost[s % 2, parity, :, t] for s, parity in pairs] for pairs in before])
        ways.append(reached.argmin(axis=1))
        total = reached.min(axis=1)
    rows, state = np.arange(len(x)), total.argmin(axis=0)
    chosen, pairs = np.zeros(x.shape, np.int64), np.array(before)
    for t in reversed(range(x.shape[1])):
        previous, parity = pairs[state, ways[t][state, rows]].T
        chosen[:, t] = symbol[previous % 2, parity, rows, t]
        state = previous
    return chosen


def best_of_each_parity(x: Doubles, step: float, weight: float, bits: Doubles) -> tuple[Doubles, Integers]:
    """For each quantiser and parity of symbols, the least cost and its symbol; each is 2 x 2 x the shape of x."""
    costs, symbols = np.full((2, 2, *x.shape), np.inf), np.zeros((2, 2, *x.shape), np.int64)
    most = min(MOST, int(np.abs(x).max() / (2 * step)) + 2)
    for quantiser in (0, 1):
        for k in range(-most, most + 1):
            error = x - step * level(np.array(k), np.array(quantiser))
            cost = bits[quantiser, k + MOST] + weight * error * error
            better = cost < costs[quantiser, k % 2]
            costs[quantiser, k % 2][better] = cost[better]
            symbols[quantiser, k % 2][better] = k
    return costs, symbols


def code_lengths(symbols: Integers, states: Integers) -> Doubles:
    """-log2 of the frequency of each symbol in each quantiser; symbols that never occur count as half an occurrence."""
    counts = np.zeros((2, 2 * MOST + 1))
    np.add.at(counts, (states % 2, symbols + MOST), 1)
    counts[counts == 0] = 0.5
    return np.asarray(-np.log2(counts / counts.sum(axis=1, keepdims=True)))


def quantise_sequences(x: Doubles, step: float, weight: float, trellis: Trellis) -> Coded:
    """Choose symbols, fit the code to them, choose again by that code, and so on."""
    symbols = np.clip(np.rint(x / (2 * step)), -MOST, MOST).astype(np.int64)
    for _ in range(ROUNDS):
        bits = code_lengths(symbols, states_of(symbols, trellis))
        symbols = choose(x, step, weight, bits, trellis)
    return measured(x, step, symbols, trellis)


def round_sequences(x: Doubles, step: float) -> Coded:
    """The nearest of the even points, whatever it costs."""
    return measured(x, step, np.clip(np.rint(x / (2 * step)), -MOST, MOST).astype(np.int64), ONE_STATE)


def measured(x: Doubles, step: float, symbols: Integers, trellis: Trellis) -> Coded:
    """With the ideal code for these symbols, and decoded by following the states."""
    states = states_of(symbols, trellis)
    bits = code_lengths(symbols, states)[states % 2, symbols + MOST]
    error = x - step * level(symbols, states)
    return Coded(float(bits.mean()), float((error * error).mean()))


def rate_distortion_function(slope: float, source: Doubles, probability: Doubles, rounds: int = 150) -> Coded:
    """The least rate of any code at the distortion where one more bit saves 1 / slope, by Blahut's and Arimoto's
    algorithm, with reproductions at the points of the source:

        q(z|x) ~ r(z) 2^(-slope (x - z)^2)        r(z) = sum_x p(x) q(z|x)

    Each line is the best q or r given the other. The rate is I(x, z).
    """
    likeness = np.exp2(-slope * (source[:, None] - source) ** 2)
    r = np.full(len(source), 1 / len(source))
    for _ in range(rounds):
        r = r * (probability @ (likeness / (likeness @ r)[:, None]))
    joint = probability[:, None] * likeness * r / (likeness @ r)[:, None]
    distortion = float((joint * (source[:, None] - source) ** 2).sum())
    return Coded(-slope * distortion - float(probability @ np.log2(likeness @ r)), distortion)
