"""The filter behind the synthesis, in numpy: integers computed from grey levels, so the same everywhere.

The synthesis ends in a linear layer, whose errors depend on what is around: ringing at edges, noise in texture. Here
each block of 4 x 8 pixels is given a class by the second differences of its brightness: how much it bends, and in which
direction most. In each of three colour planes, every pixel then moves by a weighted sum of its differences to its
neighbours; those to the nearest ones count a second time, constrained to a limit, so that edges are left alone. The
weights of each class are the model's. FORMAT.md, section 4, has the arithmetic. Reduced pictures are not filtered.

The parts are those of filters in video codecs. AV1 constrains differences (Midtskogen and Valin, "The AV1 constrained
directional enhancement filter", 2018) and fits Wiener filters; its successor has trained ones for classes of pixels.
Classes by Laplacians, and symmetric differences to the centre, are as in the adaptive loop filter of VVC (Karczewicz et
al., "VVC in-loop filters", 2021).
"""

from collections.abc import Iterator

import numpy as np

from lic.codec.entropy.tables import Ints
from lic.codec.picture.pixels import Pixels

PLANES = np.array([(1, 1, 1), (1, 0, -1), (1, -2, 1)])  # brightness and two differences, of red, green and blue
LIMITS = (21, 17, 29)  # of constrained differences, in each plane
NEIGHBOURS = ((0, 1), (0, 2), (1, -1), (1, 0), (1, 1), (2, 0))  # rows below, columns to the right; and their opposites
TAPS = 2 * len(NEIGHBOURS)
ACTIVITIES = (288, 720, 1584, 3456)  # thresholds between classes
DIRECTIONS = 5  # none, down, across, along one diagonal or the other
CLASSES = (len(ACTIVITIES) + 1) * DIRECTIONS
SHAPE = CLASSES, len(PLANES), TAPS
WEIGHT_BITS = 10  # of fractions
MOST_WEIGHTS = 2**11  # in sum, of a class and plane: then all numbers are below 2^24, and exact in float32
BLOCK_ROWS, BLOCK_COLUMNS = 4, 8
MARGIN = 2


def filtered(pixels: Pixels, weights: Ints) -> Pixels:
    """A picture, padded to whole blocks of 16 x 16, after the filter."""
    planes, classes = pixels @ PLANES.T, classes_of(pixels)
    sums = np.zeros(planes.shape, np.int64)
    for k in range(len(PLANES)):
        for tap, difference in enumerate(differences(planes[..., k], LIMITS[k])):
            sums[..., k] += weights[classes, k, tap] * difference
    moved = pixels + ((sums @ PLANES + (1 << WEIGHT_BITS - 1)) >> WEIGHT_BITS)
    return np.clip(moved, 0, 255).astype(np.uint8)


def differences(plane: Ints, limit: int) -> Iterator[Ints]:
    """The terms that a plane's weights multiply: the differences of two opposite neighbours to each pixel, added.

    First the plain ones, then the constrained ones.
    """
    for y, x in NEIGHBOURS:
        yield _shifted(plane, y, x) + _shifted(plane, -y, -x) - 2 * plane
    for y, x in NEIGHBOURS:
        below, above = _shifted(plane, y, x) - plane, _shifted(plane, -y, -x) - plane
        yield constrained(below, limit) + constrained(above, limit)


def constrained(difference: Ints, limit: int) -> Ints:
    """Twice the difference up to a limit; from there it falls, to 0 at three times the limit.

    >>> constrained(np.array([-70, 4, 10, 20, 30, 40]), 10)
    array([ 0,  8, 20, 10,  0,  0])
    """
    return 3 * np.clip(difference, -limit, limit) - np.clip(difference, -3 * limit, 3 * limit)


def classes_of(pixels: Pixels) -> Ints:
    """The class of each pixel."""
    brightness = pixels.sum(axis=2, dtype=np.int64)
    down, across, falling, rising = (_bending(brightness, *step) for step in ((1, 0), (0, 1), (1, 1), (1, -1)))
    activity = np.searchsorted(ACTIVITIES, down + across)
    most, least = np.maximum(down, across), np.minimum(down, across)
    steepest, flattest = np.maximum(falling, rising), np.minimum(falling, rising)
    diagonal = steepest - flattest > most - least
    direction = np.where(5 * most > 8 * least, np.where(down == most, 1, 2), 0)
    of_diagonal = np.where(5 * steepest > 8 * flattest, np.where(falling == steepest, 3, 4), 0)
    classes = activity * DIRECTIONS + np.where(diagonal, of_diagonal, direction)
    return classes.repeat(BLOCK_ROWS, axis=0).repeat(BLOCK_COLUMNS, axis=1)


def _bending(plane: Ints, y: int, x: int) -> Ints:
    """The sum, for each block, of absolute second differences in it, in the row above, and in the row below."""
    rows, columns = plane.shape
    wide = np.pad(plane, 2, mode="edge")
    inner = (slice(1, -1), slice(2, -2))  # one row more on each side
    second = np.abs(2 * wide - np.roll(wide, (y, x), (0, 1)) - np.roll(wide, (-y, -x), (0, 1)))[inner]
    in_rows = second.reshape(rows + 2, columns // BLOCK_COLUMNS, BLOCK_COLUMNS).sum(axis=2)
    windows = np.lib.stride_tricks.sliding_window_view(in_rows, BLOCK_ROWS + 2, axis=0)
    sums: Ints = windows[::BLOCK_ROWS].sum(axis=2)
    return sums


def _shifted(plane: Ints, y: int, x: int) -> Ints:
    """The values y rows below and x columns to the right; beyond the picture those at its edge."""
    rows, columns = plane.shape
    wide = np.pad(plane, MARGIN, mode="edge")
    return wide[MARGIN + y : MARGIN + y + rows, MARGIN + x : MARGIN + x + columns]
