"""The contexts of generation 2: four phases, each of which uses the neighbours that earlier phases have decoded.

Positions fall into four classes, by the parity of row and column:

    0 2 0 2 ...      The phase of class k in channel c is (k - c) mod 4, so each class comes first in a quarter of the
    3 1 3 1 ...      channels. Symbols of phase 0 have contexts in other channels only, those of phase 3 also have
    0 2 0 2 ...      four straight and four diagonal neighbours in their own.

For a symbol of phase p in channel c, with m = min(|v|, 15), and in the units and with the sums of contexts.py,

    estimate = 256 w0 + w1 F0 + w2 F1 + w3 F2 + w4 F0' + w5 F1' + w6 F2'    F': over the four straight neighbours
             + 256 (w7 straight + w8 diagonal)      sums of m over neighbours in the channel whose phase is below p
             + 256 sum of e_d m_d                   over the channels d of earlier blocks

and there is no prediction of values. In the sums, m of a symbol of phase 0 in the first eight channels is replaced by
that of its four straight neighbours, (their sum) >> 2: there phase 0 holds brightness, which does not predict detail.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.contexts import (
    BLOCK,
    DIAGONAL,
    MAGNITUDE_CAP,
    STRAIGHT,
    UNIT_BITS,
    Past,
    all_around,
    earlier_block,
    earlier_size,
    neighbours,
)
from lic.codec.entropy.library import LIBRARY, LibraryModel
from lic.codec.entropy.tables import Arrays, Ints
from lic.codec.entropy.walk import Order, Pass, WalkArrays
from lic.models.constants import PHASES, PLACES

FEATURES = 9
CLASSES = np.array(PLACES)  # by the parity of row and column
LEVEL_CHANNELS = 8  # those with local averages of brightness and colour


def phase_map(rows: int, columns: int, channel: int) -> NDArray[np.intp]:
    """The phase of each position in a channel, flat."""
    y, x = np.divmod(np.arange(rows * columns), columns)
    return (CLASSES[y % 2, x % 2] - channel) % PHASES


@lru_cache(maxsize=64)
def passes(rows: int, columns: int, turn: int) -> tuple[Pass, ...]:
    """The phases of channels with c mod 4 == turn. `decoded` has 4 straight and then 4 diagonal neighbours, or -1."""
    phase = phase_map(rows, columns, turn)
    after_all = np.append(phase, PHASES)  # the zero cell is never decoded
    out = []
    for number in range(PHASES):
        places = np.flatnonzero(phase == number)
        if len(places):
            around = neighbours(rows, columns, places, STRAIGHT)
            both = neighbours(rows, columns, places, STRAIGHT + DIAGONAL)
            out.append(Pass(number, places, around, np.where(after_all[both] < number, both, -1)))
    return tuple(out)


class PhaseContexts(NamedTuple):
    """The integers of one lambda point, in the units of `PointContexts`."""

    weights: Ints  # channels x 4 phases x FEATURES
    thresholds: Ints
    tables: NDArray[np.uint8]  # channels x 4 phases x buckets
    earlier: NDArray[np.int16] | None = None  # packed, see `earlier_block`, with 4 passes

    def start(self, rows: int, columns: int) -> "PhaseState":
        """The state at the start of a chunk."""
        return PhaseState(self, rows, columns)

    def arrays(self) -> WalkArrays:
        return WalkArrays(
            Order.PHASES, self.weights, thresholds=self.thresholds, tables=self.tables, earlier=self.earlier
        )


@dataclass(frozen=True, eq=False)
class Phases(LibraryModel):
    """Contexts in phases, as a model file holds them: the weights of earlier magnitudes are bytes times a scale."""

    PREFIX = "phases."
    STORED: ClassVar[dict[str, type]] = LIBRARY | {"earlier": np.int8, "scales": np.uint8}
    PASSES = PHASES
    FEATURES = FEATURES

    earlier: NDArray[np.int8]  # points x packed
    scales: NDArray[np.uint8]  # points x channels x 4 phases

    @classmethod
    def more_shapes(cls, arrays: Arrays, points: int, channels: int) -> dict[str, tuple[int, ...]]:
        return {"earlier": (points, earlier_size(channels, PHASES)), "scales": (points, channels, PHASES)}

    def walk(self, k: int) -> PhaseContexts:
        channels = self.weights.shape[1]
        earlier = self.earlier[k].astype(np.int16)
        for start in range(BLOCK, channels, BLOCK):
            scales = self.scales[k, start : start + BLOCK].T[:, :, None]
            earlier_block(earlier, channels, start, PHASES)[:] *= scales
        return PhaseContexts(self.weights[k], self.thresholds, self.index[k], earlier)


class PhaseState:
    """The state while coding in phases. Arrays may have leading dimensions, for fitting on many chunks at once."""

    def __init__(self, point: PhaseContexts, rows: int, columns: int, batch: tuple[int, ...] = ()) -> None:
        self.point = point
        self.shape = rows, columns
        self.past = Past(len(point.weights), PHASES, point.earlier, (*batch, rows * columns + 1))

    def passes(self, channel: int) -> tuple[Pass, ...]:
        return passes(*self.shape, channel % PHASES)

    def predict(self, channel: int, p: Pass, values: Ints) -> Ints:
        return np.zeros(values[..., p.places].shape, np.int64)

    def estimate(self, channel: int, p: Pass, values: Ints) -> Ints:
        """The expected magnitude at each position; `values` is the channel so far, with the zero cell."""
        constant, *outside, straight, diagonal = self.point.weights[channel, p.number].tolist()
        magnitudes = np.minimum(np.abs(values[..., p.decoded]), MAGNITUDE_CAP)
        inside = straight * magnitudes[..., :4, :].sum(axis=-2) + diagonal * magnitudes[..., 4:, :].sum(axis=-2)
        return self.past.estimate(channel, p, outside) + (constant + inside << UNIT_BITS)

    def choose(self, channel: int, p: Pass, values: Ints) -> NDArray[np.uint8]:
        """The number of each position's table in the library."""
        bucket = self.point.thresholds.searchsorted(self.estimate(channel, p, values), side="right")
        return self.point.tables[channel, p.number][bucket]

    def add(self, channel: int, values: Ints) -> None:
        """Add a complete channel (with its zero cell) to the sums."""
        magnitude = np.minimum(np.abs(values), MAGNITUDE_CAP)
        if channel < LEVEL_CHANNELS:
            levels = np.flatnonzero(phase_map(*self.shape, channel) == 0)
            magnitude[..., levels] = magnitude[..., all_around(*self.shape)[:, levels]].sum(axis=-2) >> 2
        self.past.add(channel, magnitude)
