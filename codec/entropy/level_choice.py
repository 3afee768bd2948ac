"""Which levels an encoder chooses in dependent quantisation.

Two quantisers take turns (FORMAT.md, section 2): quantiser 0 has the even levels, quantiser 1 the odd ones and 0. The
number of a level in its quantiser is what is coded, and whether it is even or odd decides, by a table of states, which
quantiser the next symbol has. So levels cannot be chosen one by one. Viterbi's algorithm finds those of a whole phase
with the least sum of bits and weighted squared distances from targets: of all ways that end in the same state only the
cheapest can be part of the best one, so one way into each state is kept from symbol to symbol. Bits are those of tables
that are given; those that the coder will use depend on all magnitudes that are chosen.

core/trellis.c is the same in C.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.contexts import phase_map
from lic.codec.entropy.prices import NO_TABLE, Numbers, Prices
from lic.codec.entropy.quantisers import QUANTISERS, levels_of
from lic.codec.entropy.walk import MAX_SYMBOL, Symbols

Floats = NDArray[np.float32]

PARITIES = 2
BELOW, ABOVE, ZERO = range(3)  # of the numbers of a parity: the two around a target, and 0
SURE_BITS = 10  # odd numbers so much dearer than 0 are not tried
BEYOND = 4  # how far a level that is tried may lie beyond its target
FARTHEST = np.float32(MAX_SYMBOL - BEYOND)


class Choice(NamedTuple):
    """What the choice of a chunk's levels goes by; arrays are channels x rows x columns."""

    targets: Floats  # in steps
    numbers: Numbers  # of quantiser 0's tables; NO_TABLE in channels that are not in use
    weight: float  # the bits of a squared distance of one step from a target
    kept: float = 0  # by so many bits a level is cheaper that stays as it is


def choose_levels(levels: Symbols, phase: int, choice: Choice, prices: Prices, states: NDArray[np.uint8]) -> None:
    """Replace the levels of a phase by the best ones, in channels that are in use, else by 0."""
    channels, rows, columns = levels.shape
    in_phase = np.stack([phase_map(rows, columns, c) for c in range(channels)]).reshape(levels.shape) == phase
    in_use = choice.numbers[:, :1, :1] != NO_TABLE
    levels[in_phase & ~in_use] = 0
    places = in_phase & in_use  # numpy takes them in coding order: by channel, then row by row
    targets, tables, present = choice.targets[places], choice.numbers[places], levels[places]
    sizes, signs = np.minimum(np.abs(targets), FARTHEST), np.where(targets < 0, -1, 1).astype(np.int32)
    weight, pairs = np.float32(choice.weight), len(prices.first) // QUANTISERS
    costs = np.full((QUANTISERS, PARITIES, len(targets)), np.inf, np.float32)
    found = np.zeros(costs.shape, np.int32)
    for q in range(QUANTISERS):
        for parity in range(PARITIES):
            for which in (BELOW, ABOVE) if parity else (BELOW, ABOVE, ZERO):
                level = tried(sizes, q, parity, which)
                distance = sizes - level.astype(np.float32)
                level *= signs
                cost = prices.bits(level, (tables + q * pairs).astype(np.uint16)) + weight * (distance * distance)
                cost -= np.where(level == present, np.float32(choice.kept), np.float32(0))
                better = cost < costs[q, parity]
                costs[q, parity, better], found[q, parity, better] = cost[better], level[better]
    costs[:, 1, (sizes < sure(weight, prices)[tables]) & (present == 0)] = np.inf
    levels[places] = cheapest_way(costs.astype(np.float64), found, states)


def cheapest_way(costs: NDArray[np.float64], found: Symbols, states: NDArray[np.uint8]) -> list[int]:
    """The levels that cost least in all; `costs` and `found`, levels, are quantisers x parities x symbols."""
    total = [0.0] + [np.inf] * (len(states) - 1)
    steps = [(s, parity, int(to)) for s, row in enumerate(states) for parity, to in enumerate(row)]
    ways: list[list[tuple[int, int]]] = []  # for each symbol and state behind it, the state before and the parity
    for cost in costs.transpose(2, 0, 1).tolist():
        reached, way = [np.inf] * len(states), [(0, 0)] * len(states)
        for s, parity, to in steps:
            if total[s] + cost[s & 1][parity] < reached[to]:
                reached[to], way[to] = total[s] + cost[s & 1][parity], (s, parity)
        total = reached
        ways.append(way)
    state = total.index(min(total))
    chosen = []
    for i in reversed(range(len(ways))):
        state, parity = ways[i][state]
        chosen.append(int(found[state & 1, parity, i]))
    return chosen[::-1]


def tried(sizes: Floats, quantiser: int, parity: int, which: int) -> Symbols:
    """The levels of a quantiser, with numbers of a parity, that are tried for targets of these sizes, without signs.

    >>> around = np.array([2.5], np.float32)
    >>> [[int(tried(around, q, parity, which)[0]) for which in (BELOW, ABOVE)] for q in (0, 1) for parity in (0, 1)]
    [[0, 4], [2, 6], [0, 3], [1, 5]]
    """
    if which == ZERO:
        return np.zeros(sizes.shape, np.int32)
    number = ((sizes + np.float32(quantiser)) / np.float32(2)).astype(np.int64)
    number -= (number ^ parity) & 1
    number += 2 * (which == ABOVE)
    return levels_of(number, np.array(quantiser)).astype(np.int32)


def sure(weight: np.float32, prices: Prices) -> Floats:
    """For each table of quantiser 0, how near to 0 a target must be for odd numbers to cost SURE_BITS more."""
    pairs = len(prices.first) // QUANTISERS
    nearest = np.full(pairs, np.inf, np.float32)
    for q in range(QUANTISERS):
        tables, level = np.arange(q * pairs, (q + 1) * pairs, dtype=np.uint16), np.float32(2 - q)
        for sign in (-1, 1):
            levels = np.full(pairs, sign * (2 - q), np.int32)
            more = prices.bits(levels, tables) - prices.bits(np.zeros_like(levels), tables)
            # more + weight ((level - x)^2 - x^2) >= SURE_BITS
            nearest = np.minimum(
                nearest, (more - np.float32(SURE_BITS) + weight * (level * level)) / (2 * level * weight)
            )
    return nearest
