"""Dependent quantisation: two quantisers, and the symbols before decide which of them a symbol is coded by.

A symbol is a level, in units of the step of both quantisers together; what is coded is its number k:

    quantiser 0    -4    -2     0     2     4        level = 2k
    quantiser 1       -3    -1  0  1     3           level = 2k - sign(k)

Each phase of a chunk has a state, 0 at its start. At state s the quantiser is s & 1, and states[s][k & 1] is the next
state, in coding order: channel by channel, and in each in row-major order. Contexts count the magnitudes of numbers.

An encoder can so reach levels as dense as those of both quantisers together, while a number costs as many bits as that
of a quantiser of twice the step: models/theory/trellis.py.
"""

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.tables import Ints
from lic.codec.entropy.walk import MAX_SYMBOL
from lic.models.constants import PHASES
from lic.models.theory.trellis import EIGHT_STATES

QUANTISERS = 2
MAX_STATES = 8
TRELLIS = np.array(EIGHT_STATES, np.uint8)  # the usual ones, as a model's `states`


def numbers_of(levels: Ints, quantisers: Ints) -> Ints:
    """The numbers of levels, if the quantisers have them.

    >>> numbers_of(np.array([-3, -1, 0, 1, 3]), np.array(1)).tolist()
    [-2, -1, 0, 1, 2]
    """
    return (levels + quantisers * np.sign(levels)) // 2


def levels_of(numbers: Ints, quantisers: Ints) -> Ints:
    """The levels that numbers stand for, the inverse of `numbers_of`.

    >>> levels_of(np.array([-2, -1, 0, 1, 2]), np.array(1)).tolist()
    [-3, -1, 0, 1, 3]
    """
    return 2 * numbers - quantisers * np.sign(numbers)


def have_levels(quantisers: Ints, levels: Ints) -> NDArray[np.bool_]:
    """Whether each quantiser has a level: 0, and even or odd ones."""
    return (levels == 0) | (levels % 2 == quantisers)


class Turns:
    """The states of a chunk's phases, for one symbol after the other."""

    def __init__(self, states: NDArray[np.uint8]) -> None:
        self._next: list[list[int]] = states.tolist()
        self._states = [0] * PHASES

    def quantiser(self, phase: int) -> int:
        """That of the phase's next symbol."""
        return self._states[phase] & 1

    def level_of(self, number: int, phase: int) -> int:
        """What the phase's next number stands for; it takes the turn."""
        level = 2 * number - self.quantiser(phase) * ((number > 0) - (number < 0))
        self._states[phase] = self._next[self._states[phase]][number & 1]
        return level

    def number_of(self, level: int, phase: int) -> int:
        """The number that stands for the phase's next level; it takes the turn."""
        number = (abs(level) + self.quantiser(phase)) // 2 * (1 if level > 0 else -1)
        if self.level_of(number, phase) != level or abs(level) > MAX_SYMBOL:
            raise ValueError(f"no quantiser has the level {level} after those before it")
        return number
