"""The filter adjusted to one picture, a part of the encoder's `effort`.

The filter behind the synthesis (codec/picture/filtering.py) has the weights that suit pictures in general. Where others
suit this picture better, the file says what to add to them, in each plane to those of all classes. That is 12 numbers
w_i in units of 2^-9, chosen for the least

    squared error + price * bits,    squared error = |plane|^2 w' A w - 2 b' w + ...

where A are the products of the terms that the weights multiply, summed over all pixels, and b those of the terms and
the error that the model's filter leaves. Rounding and clipping of pixels are left out; the result counts only if it is
better in real pixels. All sums are integers, and so is every step of the search: so files are the same everywhere.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lic.codec.entropy.tables import Ints
from lic.codec.file.container import ADJUSTMENT, Section
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import OperatingPoint, Symbols
from lic.codec.picture.adjustment import MOST, SHAPE, UNIT, length_of, pack
from lic.codec.picture.filtering import LIMITS, MARGIN, PLANES, TAPS, WEIGHT_BITS, differences
from lic.codec.picture.pixels import Pixels
from lic.codec.transform.engine import decode_all, engine_of
from lic.models.constants import DOWNSAMPLING

AT_ONCE = 2**18  # pixels
SWEEPS = 50  # over the weights of a plane, at most
HEAD = 2  # bytes of a section before its payload


class Adjustment(NamedTuple):
    """An operating point with its filter adjusted to a picture, which takes a section of the file; or as it was."""

    point: OperatingPoint
    sections: tuple[Section, ...] = ()


def size_of(sections: tuple[Section, ...]) -> int:
    """Their bytes in a file."""
    return sum(HEAD + len(section.payload) for section in sections)


def adjust(symbols: Symbols, pixels: Pixels, model: FrozenModel, point: OperatingPoint) -> Adjustment:
    """The adjustment of the filter to a picture of these symbols, where one pays."""
    if point.filter is None:
        return Adjustment(point)
    engine = engine_of(model)
    whole = symbols.shape[2] * DOWNSAMPLING, symbols.shape[1] * DOWNSAMPLING
    bare = decode_all([symbols], model, replace(point, filter=None), whole)
    before = engine.filter(bare, point)
    added, price = np.zeros(SHAPE, np.int64), round(3 * 4**WEIGHT_BITS / point.lambda_)
    for k, (squares, products) in enumerate(_equations(bare, before, pixels)):
        norm = int(np.square(PLANES[k]).sum())
        added[k] = least(UNIT**2 * norm * squares, (UNIT << WEIGHT_BITS) * products, price)
    adjusted = point.adjusted(UNIT * added)
    found = Adjustment(adjusted, (Section(ADJUSTMENT, pack(added)),))
    fewer_errors = _squared_errors(before, pixels) - _squared_errors(engine.filter(bare, adjusted), pixels)
    return found if fewer_errors * point.lambda_ / 3 > 8 * size_of(found.sections) else Adjustment(point)


def _equations(bare: Pixels, before: Pixels, pixels: Pixels) -> list[tuple[Ints, Ints]]:
    """For each plane, the products of all pairs of terms, and those of terms and errors, summed over the picture.

    They are computed in floating point, whose numbers below 2^53 are exact: so the order of sums does not matter.
    """
    height, width = pixels.shape[:2]
    sums = np.zeros((len(PLANES), TAPS + 1, TAPS + 1), np.int64)
    at_once = max(1, AT_ONCE // width)
    for top in range(0, height, at_once):
        bottom = min(top + at_once, height)
        first = max(0, top - MARGIN)
        window = bare[first : bottom + MARGIN].astype(np.int16)
        errors = pixels[top:bottom] - before[top:bottom, :width].astype(np.int16)
        inside = slice(top - first, bottom - first), slice(width)
        for k, plane in enumerate(PLANES.astype(np.int16)):
            terms = [term[inside] for term in differences(window @ plane, LIMITS[k])]
            values = np.stack([*terms, errors @ plane]).reshape(TAPS + 1, -1).astype(np.float64)
            sums[k] += (values @ values.T).astype(np.int64)
    return [(of_plane[:TAPS, :TAPS], of_plane[:TAPS, TAPS]) for of_plane in sums]


def least(squares: Ints, products: Ints, price: int) -> list[int]:
    """The integers w of the least w' squares w - 2 products' w + price * bits, as far as steps of one at a time lead.

    >>> least(np.diag([100] * TAPS), np.array([720] + [20] * 11), 10)
    [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    """
    matrix, w = squares.tolist(), [0] * TAPS
    slopes = [-b for b in products.tolist()]  # half of them
    for cost in (0, price):  # the steps to the least error lead to a better place than those at a cost do from zero
        for _ in range(SWEEPS):
            moved = False
            for i, row in enumerate(matrix):
                if step := _best_step(w, i, slopes[i], row[i], cost):
                    w[i] += step
                    slopes = [slope + step * entry for slope, entry in zip(slopes, row, strict=True)]
                    moved = True
            if not moved:
                break
    value = sum(v * (slope - b) for v, slope, b in zip(w, slopes, products.tolist(), strict=True))
    return w if value + price * sum(map(length_of, w)) < 0 else [0] * TAPS


def _best_step(w: list[int], i: int, slope: int, curvature: int, price: int) -> int:
    """By how much to change a weight."""
    if not curvature:
        return 0
    room, bits = MOST - sum(map(abs, w)) + abs(w[i]), length_of(w[i])
    best = -(slope // curvature)
    steps = [0, *(step for step in (best - 1, best, -1, 1, -w[i]) if abs(w[i] + step) <= room)]
    costs = [step * (2 * slope + step * curvature) + price * (length_of(w[i] + step) - bits) for step in steps]
    return steps[costs.index(min(costs))]


def _squared_errors(decoded: Pixels, pixels: Pixels) -> int:
    height, width = pixels.shape[:2]
    rows = max(1, AT_ONCE // width)
    parts = (slice(top, min(top + rows, height)) for top in range(0, height, rows))
    return sum(
        int(np.square(decoded[part, :width].astype(np.int32) - pixels[part]).sum(dtype=np.int64)) for part in parts
    )
