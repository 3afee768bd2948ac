"""Contexts as a model file holds them: those of all lambda points, and the library of densities that they share."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.coder import Coder, make_coder
from lic.codec.entropy.contexts import PointContexts, earlier_block, earlier_size
from lic.codec.entropy.quantisers import MAX_STATES, QUANTISERS
from lic.codec.entropy.tables import (
    KNOT_ARRAY,
    MAX_TABLES,
    Arrays,
    Ints,
    Kind,
    Tables,
    check_densities,
    check_tables,
    frequency_tables,
)
from lic.codec.file.container import POSITIONS
from lic.models.constants import CONTEXT_BLOCK, FEATURES, PHASES

TO_UPPER_POINT = 7 * POSITIONS // 8  # more, and a position has the contexts of the next lambda point
PREFIX = "phases."  # of the arrays' names in a model file
TYPES: dict[str, type] = {
    "weights": np.int32,
    "thresholds": np.int64,
    "index": np.uint8,
    "heights": np.int32,
    "steps": np.int32,
    "earlier": np.int8,
    "scales": np.uint8,
    "states": np.uint8,
}


@dataclass(frozen=True, eq=False)
class Contexts:
    """The contexts of all lambda points, and the library of densities that they choose from.

    The library's densities are those of latents divided by the step, and contexts use symbols, so neither depends on
    the step. Between two lambda points the contexts of the upper one are used, which knows all channels in use, except
    in the first eighth of the interval.

    With states (see quantisers.py) `index` names pairs of tables: table i of the first half is for quantiser 0, and
    table i of the second half for quantiser 1.
    """

    weights: Ints  # points x channels x 4 phases x FEATURES
    thresholds: Ints  # buckets - 1
    index: NDArray[np.uint8]  # points x channels x 4 phases x buckets
    heights: Ints  # tables x knots
    steps: Ints  # tables: one symbol in 1/2^12 of the density's knot unit
    earlier: NDArray[np.int8]  # points x packed: weights of earlier blocks, divided by their scales
    scales: NDArray[np.uint8]  # points x channels x 4 phases
    states: NDArray[np.uint8] | None = None  # states x 2: the next one by a number's parity; None for one quantiser

    def arrays(self) -> Arrays:
        found = ((name, getattr(self, name), kind) for name, kind in TYPES.items())
        return {PREFIX + name: array.astype(kind, copy=False) for name, array, kind in found if array is not None}

    @classmethod
    def kinds(cls, arrays: Arrays, points: int, channels: int) -> dict[str, Kind]:
        states = arrays.get(PREFIX + "states")
        tables = min(len(arrays[PREFIX + "heights"]), MAX_TABLES * (1 if states is None else QUANTISERS))
        thresholds = arrays[PREFIX + "thresholds"].size
        shapes: dict[str, tuple[int, ...]] = {
            "weights": (points, channels, PHASES, FEATURES),
            "thresholds": (thresholds,),
            "index": (points, channels, PHASES, thresholds + 1),
            "heights": (tables, len(KNOT_ARRAY)),
            "steps": (tables,),
            "earlier": (points, earlier_size(channels)),
            "scales": (points, channels, PHASES),
        }
        if states is not None:
            shapes["states"] = (max(2, min(len(states), MAX_STATES)), 2)
        return {PREFIX + name: Kind.of(TYPES[name], shape) for name, shape in shapes.items()}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "Contexts":
        found: Arrays = {name: arrays[PREFIX + name] for name in TYPES if PREFIX + name in arrays}
        # The largest arrays, of a byte each, keep their stored types.
        kept: Arrays = {name: a if a.itemsize == 1 else a.astype(np.int64) for name, a in found.items()}
        return cls(**kept)

    def check(self, steps: Ints) -> None:
        check_densities(self.heights, self.steps, PREFIX)
        named = len(self.heights)
        if self.states is not None:
            if self.states.max() >= len(self.states):
                raise ValueError("its quantisers' states lead to one that is not there")
            named, left = divmod(named, QUANTISERS)
            if left:
                raise ValueError("its contexts' tables are not two of each")
        if self.index.max() >= named:
            raise ValueError("its contexts name tables that are not there")
        if len(self.thresholds) >= MAX_TABLES:
            raise ValueError("its contexts have more buckets than there are tables")
        if (self.thresholds[1:] < self.thresholds[:-1]).any():
            raise ValueError("its contexts' thresholds are not in order")
        check_tables(self.heights, self.steps)

    @cached_property
    def tables(self) -> Tables:
        return frequency_tables(self.heights, self.steps, KNOT_ARRAY)

    def coder(self, position: int, steps: Ints) -> Coder:
        return make_coder(self.tables, self.at(position), self.states)

    def at(self, position: int) -> PointContexts:
        """The integers in use at a position."""
        k, channels = (position + TO_UPPER_POINT) // POSITIONS, self.weights.shape[1]
        earlier = self.earlier[k].astype(np.int16)
        for start in range(CONTEXT_BLOCK, channels, CONTEXT_BLOCK):
            scales = self.scales[k, start : start + CONTEXT_BLOCK].T[:, :, None]
            earlier_block(earlier, channels, start)[:] *= scales
        return PointContexts(self.weights[k], self.thresholds, self.index[k], earlier)
