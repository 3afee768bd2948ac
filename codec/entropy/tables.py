"""Integer frequency tables from integer densities, in exact arithmetic.

The coder and the decoder only ever see the integers made here, and these follow from the integers in the model
file by additions, multiplications, shifts and floor divisions of int64: any machine finds the same tables.

A density is a row of heights at the knots of `lic.models.constants.KNOTS`. Positions on its axis are integers, in
1/2^13 of a knot unit; a step is an integer in 1/2^12 of a knot unit, so that the borders (n +- 1/2) step of a symbol
are exact. FORMAT.md specifies all of this.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.models.constants import KNOTS

Arrays = dict[str, NDArray[Any]]
Ints = NDArray[np.int64]

STEP_BITS = 12
POSITION_BITS = STEP_BITS + 1
TOTAL_BITS = 24
TOTAL = 1 << TOTAL_BITS
MAX_HEIGHT = 1 << 20
MAX_STEP = 1 << 24
TAIL_BITS = 18  # values beyond knots with less than 2^-18 of the mass outside escape
FRACTION_BITS = 12  # resolution of a position within its segment
MAX_TABLES = 256  # their numbers are bytes
MAX_ENTRIES = 2**20  # of all tables at a position, some ten times as many as trained models have
KNOT_ARRAY = np.array(KNOTS)
MASS_SHIFT = 18  # masses lose these bits before they are scaled to TOTAL, to stay within int64


class Tables(NamedTuple):
    """One table per row: symbol first[i] + j has frequency flat[start[i] + j]; the last entry is the escape."""

    first: Ints
    start: Ints
    size: Ints  # entries per row, escape included
    flat: Ints

    def row(self, i: int) -> Ints:
        return self.flat[self.start[i] : self.start[i] + self.size[i]]


def segment_masses(heights: Ints, knots: Ints) -> Ints:
    """Cumulative mass at the knots (rows x knots), in units of half a height times 2^-(2 FRACTION_BITS)."""
    areas = (heights[:, 1:] + heights[:, :-1]) * np.diff(knots) << 2 * FRACTION_BITS
    return np.concatenate([np.zeros((len(heights), 1), np.int64), np.cumsum(areas, axis=1)], axis=1)


def mass_below(position: Ints, row: Ints, heights: Ints, masses: Ints, knots: Ints) -> Ints:
    """Mass of density `row` below each position, in the units of `segment_masses`."""
    grid = knots << POSITION_BITS
    position = np.clip(position, grid[0], grid[-1])
    i = np.clip(np.searchsorted(grid, position, side="right") - 1, 0, len(knots) - 2)
    width = knots[i + 1] - knots[i]
    # The fraction of the segment, in 1/2^FRACTION_BITS; the integral of a straight line is quadratic in it.
    t = ((position - grid[i]) << FRACTION_BITS) // (width << POSITION_BITS)
    low, high = heights[row, i], heights[row, i + 1]
    return masses[row, i] + width * ((2 * low * t << FRACTION_BITS) + (high - low) * t * t)


def frequency_tables(heights: Ints, steps: Ints, knots: Ints) -> Tables:
    """A table for each row of `heights` (rows x knots) at its step.

    Frequencies are at least 1 and sum to 2^24. The symbols are those whose interval overlaps the span of knots
    with all but 2^-18 of the mass at either end; all others escape, by the last entry.

    >>> triangle = np.array([[0, 1 << 20, 0]])
    >>> tables = frequency_tables(triangle, np.array([1 << 11]), np.array([-1, 0, 1]))
    >>> int(tables.first[0]), tables.row(0).tolist()
    (-2, [524288, 4194304, 7340030, 4194304, 524289, 1])
    """
    masses = segment_masses(heights, knots)
    total = masses[:, -1:]
    low_knot = knots[np.sum(masses <= total >> TAIL_BITS, axis=1) - 1]
    high_knot = knots[len(knots) - np.sum(total - masses <= total >> TAIL_BITS, axis=1)]
    first = ((low_knot << POSITION_BITS) - steps) // (2 * steps) + 1
    last = -((-(high_knot << POSITION_BITS) - steps) // (2 * steps)) - 1
    count = last - first + 1

    # Borders of all symbols of all rows in one flat array: count + 1 of them per row.
    row = np.repeat(np.arange(len(heights)), count + 1)
    start = np.concatenate([[0], np.cumsum(count + 1)[:-1]])
    n = np.arange(len(row)) - start[row] + first[row]
    below = mass_below((2 * n - 1) * steps[row], row, heights, masses, knots) >> MASS_SHIFT
    # Every symbol and the escape get one count, so that none is zero; the rest is in proportion to the mass.
    scaled = below * (TOTAL - (count + 1))[row] // (total[row, 0] >> MASS_SHIFT)
    flat = np.empty(len(row), np.int64)
    flat[:-1] = np.diff(scaled) + 1
    ends = start + count  # the slot of each row's last border becomes its escape
    flat[ends] = 0
    flat[ends] = TOTAL - np.add.reduceat(flat, start)
    return Tables(first, start, count + 1, flat)


class Kind(NamedTuple):
    """Type and shape of an array in a model file."""

    dtype: str  # numpy's name
    shape: tuple[int, ...]

    @classmethod
    def of(cls, kind: type, shape: tuple[int, ...]) -> "Kind":
        return cls(np.dtype(kind).newbyteorder("<").str, shape)


def check_densities(heights: Ints, steps: Ints, prefix: str = "") -> None:
    """Refuse heights and steps that are out of range; errors name their arrays."""
    if heights.min() < 0 or heights.max() > MAX_HEIGHT or not heights.any(axis=1).all():
        raise ValueError(f"{prefix}heights are out of range")
    if steps.min() < 1 or steps.max() > MAX_STEP:
        raise ValueError(f"{prefix}steps are out of range")


def table_entries(steps: Ints) -> int:
    """How many entries tables with these steps have at most, in all."""
    return int(((2 * KNOTS[-1] << STEP_BITS) // steps).sum())


def check_tables(heights: Ints, steps: Ints) -> None:
    """Refuse densities whose tables, one per row, break the assumptions of the range coder."""
    if table_entries(steps) > MAX_ENTRIES:
        raise ValueError("its steps are too small for tables of a sensible size")
    tables = frequency_tables(heights, steps, KNOT_ARRAY)
    if tables.flat.min() < 1 or (np.add.reduceat(tables.flat, tables.start) != TOTAL).any():
        raise ValueError("its tables do not add up")


def integer_heights(heights: NDArray[np.float64]) -> Ints:
    """Densities' heights as integers, the largest of each row being MAX_HEIGHT."""
    return np.round(heights / heights.max(axis=1, keepdims=True) * MAX_HEIGHT).astype(np.int64)
