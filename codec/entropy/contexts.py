"""Which table codes a symbol: integer contexts made of symbols already decoded.

A chunk is coded channel by channel, and each channel in passes over a checkerboard, so that all symbols of a pass
are coded in whole-array operations. The expected magnitude of a symbol is estimated as a weighted sum of

    1                                 a constant
    F0, F1, F2     at the symbol      running sums of magnitudes over the channels before, which decay by a half,
    F0, F1, F2     its 4 neighbours   by an eighth, or not at all with each channel
    inside                            magnitudes of neighbours in the same channel, decoded in earlier passes
    earlier                           magnitudes at the block position in all channels of earlier blocks, each with
                                      its own weight

and the estimate, quantised to logarithmic buckets, selects a table from a library that all channels share.

The first channels contain local averages of brightness and colour. There the neighbours predict the value, too, and
the difference from the prediction is coded.

All of it is integer arithmetic: additions, multiplications, shifts, comparisons; FORMAT.md specifies it. Only the
`earlier` sums are computed in float64, because numpy's matrix product is fast there: every term and every sum is an
integer far below 2^53, which float64 represents exactly, in any order of summation.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.library import LIBRARY, LibraryModel
from lic.codec.entropy.tables import Arrays, Ints
from lic.codec.entropy.walk import Order, Pass, WalkArrays

FEATURES = 8
UNIT_BITS = 8  # magnitudes are counted in 1/256
WEIGHT_BITS = 16  # weights in 1/65536
MAGNITUDE_CAP = 15
PREDICTED_CHANNELS = 8
PREDICTION_BITS = 12
FORGET = (1, 3)  # F0 decays by a half per channel, F1 by an eighth, F2 not at all
BLOCK = 8  # channels whose `earlier` sums are computed together

STRAIGHT = ((-1, 0), (1, 0), (0, -1), (0, 1))
DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))


def neighbours(rows: int, columns: int, places: NDArray[np.intp], offsets: tuple[tuple[int, int], ...]) -> Ints:
    """Flat indices of neighbours, len(offsets) x places; mirroring keeps the parity of rows and columns."""
    y, x = np.divmod(places, columns)
    out = np.empty((len(offsets), len(places)), np.intp)
    for i, (dy, dx) in enumerate(offsets):
        ny, nx = y + dy, x + dx
        ny, nx = np.where(ny < 0, 1, ny), np.where(nx < 0, 1, nx)
        ny, nx = np.where(ny == rows, rows - 2, ny), np.where(nx == columns, columns - 2, nx)
        inside = (ny >= 0) & (ny < rows) & (nx >= 0) & (nx < columns)
        out[i] = np.where(inside, ny * columns + nx, -1)
    return out


@lru_cache(maxsize=32)
def passes(rows: int, columns: int, predicted: bool) -> tuple[Pass, ...]:
    """The two passes of a checkerboard; predicted channels split the first one, to use diagonal neighbours."""
    y, x = np.divmod(np.arange(rows * columns), columns)
    if predicted:
        number = np.where((y + x) % 2 == 1, 2, np.where(y % 2 == 1, 1, 0))
        known: tuple[tuple[tuple[int, int], ...], ...] = ((), DIAGONAL, STRAIGHT)
    else:
        number = (y + x) % 2
        known = ((), STRAIGHT)
    out = []
    for i, offsets in enumerate(known):
        places = np.flatnonzero(number == i)
        if len(places):
            around = neighbours(rows, columns, places, STRAIGHT)
            out.append(Pass(i, places, around, neighbours(rows, columns, places, offsets)))
    return tuple(out)


class PointContexts(NamedTuple):
    """The integers of one lambda point."""

    weights: Ints  # channels x 3 passes x FEATURES, in 1/2^WEIGHT_BITS
    prediction: Ints  # PREDICTED_CHANNELS x 3 passes x 4 neighbours, in 1/2^PREDICTION_BITS
    thresholds: Ints  # where buckets begin, in 1/2^(UNIT_BITS + WEIGHT_BITS)
    tables: NDArray[np.uint8]  # channels x 3 passes x buckets: numbers in the library
    earlier: NDArray[np.int16] | None = None  # packed, see `earlier_block`; in 1/2^WEIGHT_BITS

    def start(self, rows: int, columns: int) -> "ContextState":
        """The state at the start of a chunk."""
        return ContextState(self, rows, columns)

    def arrays(self) -> WalkArrays:
        return WalkArrays(Order.CHECKERBOARD, self.weights, self.prediction, self.thresholds, self.tables, self.earlier)


def earlier_size(channels: int, passes: int = 2) -> int:
    """The number of `earlier` weights: for each pass and channel, one per channel of the blocks before its own.

    >>> earlier_size(12)  # channels 8 to 11 look back at 0 to 7
    64
    """
    return sum(passes * min(BLOCK, channels - start) * start for start in range(BLOCK, channels, BLOCK))


def earlier_block(packed: NDArray[Any], channels: int, start: int, passes: int = 2) -> NDArray[Any]:
    """The part for the block that begins with channel `start`: passes x channels in it x channels before it."""
    begin = earlier_size(start, passes)
    size = min(BLOCK, channels - start)
    return packed[begin : begin + passes * size * start].reshape(passes, size, start)


@dataclass(frozen=True, eq=False)
class Contexts(LibraryModel):
    """Contexts on a checkerboard, as a model file holds them."""

    PREFIX = "contexts."
    STORED: ClassVar[dict[str, type]] = LIBRARY | {"prediction": np.int32, "earlier": np.int16}
    PASSES = 3
    FEATURES = FEATURES

    prediction: Ints  # points x PREDICTED_CHANNELS x 3 x 4
    earlier: NDArray[np.int16] | None = None  # points x packed; without, all are zero

    @classmethod
    def more_shapes(cls, arrays: Arrays, points: int, channels: int) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {"prediction": (points, PREDICTED_CHANNELS, 3, 4)}
        if "contexts.earlier" in arrays:
            shapes["earlier"] = points, earlier_size(channels)
        return shapes

    def walk(self, k: int) -> PointContexts:
        earlier = None if self.earlier is None else self.earlier[k]
        return PointContexts(self.weights[k], self.prediction[k], self.thresholds, self.index[k], earlier)


class Past:
    """Sums of the magnitudes of complete channels, from which later channels are estimated."""

    def __init__(self, channels: int, passes: int, earlier: NDArray[np.int16] | None, shape: tuple[int, ...]) -> None:
        """`passes` is that of the `earlier` weights; `shape` is that of a channel, with the zero cell."""
        self.channels, self.number_of_passes, self.weights = channels, passes, earlier
        self.running = np.zeros((3, *shape), np.int64)  # F0, F1, F2
        *batch, cells = shape
        self.magnitudes = np.zeros((*batch, channels if earlier is not None else 0, cells))
        self.earlier = np.zeros((passes, 0, *shape), np.int64)  # of the present block

    def estimate(self, channel: int, p: Pass, weights: list[int]) -> Ints:
        """The part of the estimate due to earlier channels; `weights` of F0, F1, F2 at the position and around it."""
        f0, f1, f2 = self.running
        a0, a1, a2, n0, n1, n2 = weights
        at, near = a0 * f0 + a1 * f1 + a2 * f2, n0 * f0 + n1 * f1 + n2 * f2  # matrix products of integers are slow
        up, down, left, right = (near[..., side] for side in p.around)
        estimate: Ints = at[..., p.places] + up + down + left + right
        if channel >= BLOCK and self.weights is not None:
            estimate += self.earlier[p.number, channel % BLOCK][..., p.places] << UNIT_BITS
        return estimate

    def add(self, channel: int, magnitude: Ints) -> None:
        """Add a complete channel."""
        for total, shift in zip(self.running, FORGET, strict=False):
            total -= total >> shift
        self.running += magnitude << UNIT_BITS
        if self.weights is not None:
            self.magnitudes[..., channel, :] = magnitude
            if (channel + 1) % BLOCK == 0 and channel + 1 < self.channels:
                self._look_back(channel + 1)

    def _look_back(self, start: int) -> None:
        """The `earlier` sums for the block that begins with channel `start`."""
        assert self.weights is not None
        weights = earlier_block(self.weights, self.channels, start, self.number_of_passes)
        known = self.magnitudes[..., :start, :]
        sums = weights.reshape(-1, start).astype(np.float64) @ known
        self.earlier = np.moveaxis(sums, -2, 0).astype(np.int64).reshape(*weights.shape[:2], *sums[..., 0, :].shape)


class ContextState:
    """The state while coding with contexts. Arrays may have leading dimensions, for fitting on many chunks at once."""

    def __init__(self, point: PointContexts, rows: int, columns: int, batch: tuple[int, ...] = ()) -> None:
        self.point = point
        self.shape = rows, columns
        # One cell more than block positions: the zero at index -1.
        self.past = Past(len(point.weights), 2, point.earlier, (*batch, rows * columns + 1))

    def passes(self, channel: int) -> tuple[Pass, ...]:
        return passes(*self.shape, channel < PREDICTED_CHANNELS)

    def predict(self, channel: int, p: Pass, values: Ints) -> Ints:
        """The expected value at each position, from the neighbours in a predicted channel."""
        if channel >= PREDICTED_CHANNELS or not len(p.decoded):
            return np.zeros(values[..., p.places].shape, np.int64)
        weights = self.point.prediction[channel, p.number]
        half = 1 << PREDICTION_BITS - 1
        return ((weights[:, None] * values[..., p.decoded]).sum(axis=-2) + half) >> PREDICTION_BITS

    def estimate(self, channel: int, p: Pass, values: Ints) -> Ints:
        """The expected magnitude at each position; `values` is the channel so far, with the zero cell."""
        constant, *outside, inside = self.point.weights[channel, p.number].tolist()
        estimate = self.past.estimate(channel, p, outside) + (constant << UNIT_BITS)
        if len(p.decoded):
            estimate += inside * inside_feature(p, values)
        return estimate

    def choose(self, channel: int, p: Pass, values: Ints) -> NDArray[np.uint8]:
        """The number of each position's table in the library."""
        bucket = self.point.thresholds.searchsorted(self.estimate(channel, p, values), side="right")
        return self.point.tables[channel, p.number][bucket]

    def add(self, channel: int, values: Ints) -> None:
        """Add a complete channel (with its zero cell) to the sums."""
        if channel < PREDICTED_CHANNELS:
            # Brightness does not predict detail, so the difference from the mean of the neighbours is used.
            values = values.copy()
            values[..., :-1] -= values[..., all_around(*self.shape)].sum(axis=-2) >> 2
        self.past.add(channel, np.minimum(np.abs(values), MAGNITUDE_CAP))


@lru_cache(maxsize=32)
def all_around(rows: int, columns: int) -> NDArray[np.intp]:
    return neighbours(rows, columns, np.arange(rows * columns), STRAIGHT)


def inside_feature(p: Pass, values: Ints) -> Ints:
    """Magnitudes of the neighbours in the channel itself, summed."""
    return np.minimum(np.abs(values[..., p.decoded]), MAGNITUDE_CAP).sum(axis=-2) << UNIT_BITS
