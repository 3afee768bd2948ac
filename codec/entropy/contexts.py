"""Which table codes a symbol: integer contexts made of symbols already decoded.

A chunk is coded channel by channel, and each channel in four phases, so that all symbols of a phase are coded in
whole-array operations. Positions fall into four classes, by the parity of row and column:

    0 2 0 2 ...      The phase of class k in channel c is (k - c) mod 4, so each class comes first in a quarter of the
    3 1 3 1 ...      channels. Symbols of phase 0 have contexts in other channels only, those of phase 3 also have
    0 2 0 2 ...      four straight and four diagonal neighbours in their own.

The expected magnitude of a symbol is estimated from magnitudes m = min(|symbol|, 15). In units of 1/2^16 and 1/256,

    estimate = 256 w0                                    a constant
             + w1 F0 + w2 F1 + w3 F2                     running sums of 256 m over the channels before, there and
             + w4 F0' + w5 F1' + w6 F2'                  over the four straight neighbours; with each channel F0
                                                         loses a half, F1 an eighth, F2 nothing
             + 256 (w7 straight + w8 diagonal)           sums of m over neighbours in the channel of earlier phases
             + 256 (sum of e_d m_d)                      magnitudes at the position in all channels d of earlier blocks
                                                         of eight channels, each with its own weight

and the estimate, quantised to logarithmic buckets, selects a table from a library that all channels share.

The first channels hold local averages of brightness and colour, which do not predict detail. There, m of a symbol of
phase 0 is replaced in the sums by that of its four straight neighbours, (their sum) >> 2.

All of it is integer arithmetic: additions, multiplications, shifts, comparisons; FORMAT.md specifies it. Only the
sums over earlier blocks are computed in float64, because numpy's matrix product is fast there: every term and every sum
is an integer far below 2^53, which float64 represents exactly, in any order of summation.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.tables import Ints
from lic.codec.entropy.walk import Pass
from lic.models.constants import CONTEXT_BLOCK, LEVEL_CHANNELS, MAGNITUDE_CAP, PHASES, PLACES

UNIT_BITS = 8  # magnitudes are counted in 1/256
WEIGHT_BITS = 16  # weights in 1/65536
FORGET = (1, 3)  # F0 loses a half, F1 an eighth with each channel
CLASSES = np.array(PLACES)  # by the parity of row and column

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
def all_around(rows: int, columns: int) -> NDArray[np.intp]:
    return neighbours(rows, columns, np.arange(rows * columns), STRAIGHT)


def phase_map(rows: int, columns: int, channel: int) -> NDArray[np.intp]:
    """The phase of each position in a channel, flat."""
    y, x = np.divmod(np.arange(rows * columns), columns)
    return (CLASSES[y % 2, x % 2] - channel) % PHASES


@lru_cache(maxsize=64)
def passes(rows: int, columns: int, turn: int) -> tuple[Pass, ...]:
    """The phases of channels with c mod 4 == turn."""
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


def earlier_size(channels: int) -> int:
    """The number of weights of earlier blocks: for each phase and channel, one per channel of the blocks before.

    >>> earlier_size(12)  # channels 8 to 11 look back at 0 to 7
    128
    """
    starts = range(CONTEXT_BLOCK, channels, CONTEXT_BLOCK)
    return sum(PHASES * min(CONTEXT_BLOCK, channels - start) * start for start in starts)


def earlier_block(packed: NDArray[Any], channels: int, start: int) -> NDArray[Any]:
    """The part for the block that begins with channel `start`: phases x channels in it x channels before it."""
    begin, size = earlier_size(start), min(CONTEXT_BLOCK, channels - start)
    return packed[begin : begin + PHASES * size * start].reshape(PHASES, size, start)


class PointContexts(NamedTuple):
    """The integers of one lambda point."""

    weights: Ints  # channels x 4 phases x FEATURES, in 1/2^WEIGHT_BITS
    thresholds: Ints  # where buckets begin, in 1/2^(UNIT_BITS + WEIGHT_BITS)
    tables: NDArray[np.uint8]  # channels x 4 phases x buckets: numbers in the library
    earlier: NDArray[np.int16] | None = None  # packed, see `earlier_block`; in 1/2^WEIGHT_BITS

    def start(self, rows: int, columns: int) -> "ContextState":
        """The state at the start of a chunk."""
        return ContextState(self, rows, columns)


class Past:
    """Sums of the magnitudes of complete channels, from which later channels are estimated."""

    def __init__(self, channels: int, earlier: NDArray[np.int16] | None, shape: tuple[int, ...]) -> None:
        """`shape` is that of a channel, with the zero cell."""
        self.channels, self.weights = channels, earlier
        self.running = np.zeros((3, *shape), np.int64)  # F0, F1, F2
        *batch, cells = shape
        self.magnitudes = np.zeros((*batch, channels if earlier is not None else 0, cells))
        self.earlier = np.zeros((PHASES, 0, *shape), np.int64)  # of the present block

    def estimate(self, channel: int, p: Pass, weights: list[int]) -> Ints:
        """The part of the estimate due to earlier channels; `weights` of F0, F1, F2 at the position and around it."""
        f0, f1, f2 = self.running
        a0, a1, a2, n0, n1, n2 = weights
        at, near = a0 * f0 + a1 * f1 + a2 * f2, n0 * f0 + n1 * f1 + n2 * f2  # matrix products of integers are slow
        up, down, left, right = (near[..., side] for side in p.around)
        estimate: Ints = at[..., p.places] + up + down + left + right
        if channel >= CONTEXT_BLOCK and self.weights is not None:
            estimate += self.earlier[p.number, channel % CONTEXT_BLOCK][..., p.places] << UNIT_BITS
        return estimate

    def add(self, channel: int, magnitude: Ints) -> None:
        """Add a complete channel."""
        for total, shift in zip(self.running, FORGET, strict=False):
            total -= total >> shift
        self.running += magnitude << UNIT_BITS
        if self.weights is not None:
            self.magnitudes[..., channel, :] = magnitude
            if (channel + 1) % CONTEXT_BLOCK == 0 and channel + 1 < self.channels:
                self._look_back(channel + 1)

    def _look_back(self, start: int) -> None:
        """The sums over earlier blocks for the block that begins with channel `start`."""
        assert self.weights is not None
        weights = earlier_block(self.weights, self.channels, start)
        known = self.magnitudes[..., :start, :]
        sums = weights.reshape(-1, start).astype(np.float64) @ known
        self.earlier = np.moveaxis(sums, -2, 0).astype(np.int64).reshape(*weights.shape[:2], *sums[..., 0, :].shape)


class ContextState:
    """The state while coding with contexts. Arrays may have leading dimensions, for many chunks at once."""

    def __init__(self, point: PointContexts, rows: int, columns: int, batch: tuple[int, ...] = ()) -> None:
        self.point = point
        self.shape = rows, columns
        # One cell more than block positions: the zero at index -1.
        self.past = Past(len(point.weights), point.earlier, (*batch, rows * columns + 1))

    def passes(self, channel: int) -> tuple[Pass, ...]:
        return passes(*self.shape, channel % PHASES)

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
