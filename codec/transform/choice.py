"""Symbols chosen by cost: of the two neighbours of a latent and 0, the symbol k of the least

    bits + weight (x - k)^2

where x is the latent in steps, moved outwards by up to a shift (see curvature.py). The bits are those of the tables
that contexts choose when all symbols are rounded, which takes a walk of its own.

Curvature and stretch are those of one symbol that moves alone. All are chosen at once, so that each finds others moved
outwards, too, and neighbours at 0: 1.5 times the curvature and half the shift make the smallest files of equal errors.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.prices import Numbers, Prices
from lic.codec.entropy.walk import MAX_SYMBOL
from lic.codec.model.curvature import ACTIVITIES, activity_of
from lic.codec.model.operating_point import OperatingPoint, Symbols
from lic.codec.picture.pixels import Floats
from lic.models.constants import PHASES

WEIGHT = 1.5  # times the curvature
OUTWARDS = 0.5  # of the way from the latent to where a symbol's best value lies
BY_PHASE = (1.25, 1.0, 0.9, 0.85)  # factors of curvature where later phases are expected from earlier ones


class Choice(NamedTuple):
    """The numbers by which symbols are chosen at an operating point."""

    weight: Floats  # phases x activities x channels
    shift: Floats  # activities x channels
    prices: Prices


class Rounded(NamedTuple):
    """Of a chunk whose symbols are all rounded: the tables that they choose, and how busy each place is."""

    numbers: Numbers
    activity: NDArray[np.uint8]

    @classmethod
    def of(cls, symbols: Symbols, point: OperatingPoint) -> "Rounded":
        return cls(point.coder.find_tables(symbols), activity_of(symbols))


def choice_at(point: OperatingPoint) -> Choice | None:
    """How symbols are chosen at an operating point; None where they are rounded."""
    if point.curvature is None:
        return None
    factors = WEIGHT * by_phase(point)
    weight = (factors[:, None, None] * point.curvature.bits).astype(np.float32)
    shift = (OUTWARDS * (point.curvature.stretch - 1)).astype(np.float32)
    return Choice(weight, shift, point.coder.prices)


def by_phase(point: OperatingPoint) -> NDArray[np.float64]:
    return np.ones(PHASES) if point.trust is None else np.array(BY_PHASE)


def choose(choice: Choice, scaled: Floats, phase: int, channels: slice, rounded: Rounded) -> Symbols:
    """The symbols of latents in steps (channels x rows x columns), all of one phase."""
    activity = np.minimum(rounded.activity, ACTIVITIES - 1)
    x = scaled + choice.shift[:, channels][activity].transpose(2, 0, 1) * np.clip(scaled, np.float32(-1), np.float32(1))
    symbols = np.zeros(x.shape, np.int32)
    where = np.nonzero((np.abs(x) > 0.5) & (rounded.numbers < len(choice.prices.first)))
    x, number = x[where], rounded.numbers[where]
    weight = choice.weight[phase][:, channels][activity[where[1:]], where[0]]
    low = np.clip(np.floor(x), -MAX_SYMBOL, MAX_SYMBOL - 64).astype(np.int32)
    candidates = np.stack([np.zeros_like(low), low, low + 1])
    error = x - candidates.astype(np.float32)
    cost = choice.prices.bits(candidates, np.broadcast_to(number, candidates.shape)) + weight * error * error
    symbols[where] = np.take_along_axis(candidates, cost.argmin(axis=0)[None], axis=0)[0]
    return symbols
