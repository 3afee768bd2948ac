"""What all kinds of contexts share: a library of densities, which serves all channels and lambda points."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.coder import Coder, make_coder
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
from lic.codec.entropy.walk import Walk
from lic.codec.file.container import POSITIONS

LIBRARY: dict[str, type] = {
    "weights": np.int32,
    "thresholds": np.int64,
    "index": np.uint8,
    "heights": np.int32,
    "steps": np.int32,
}


@dataclass(frozen=True, eq=False)
class LibraryModel(ABC):
    """All lambda points' contexts, and the library of densities that they choose from.

    The library's densities are those of latents divided by the step, and contexts use symbols, so neither depends on
    the step. Between two lambda points the contexts of the upper one are used, which knows all channels in use, except
    in the first eighth of the interval.
    """

    PREFIX: ClassVar[str]  # of the arrays' names in a model file
    STORED: ClassVar[dict[str, type]]  # their types: LIBRARY and what a kind of contexts adds
    PASSES: ClassVar[int]
    FEATURES: ClassVar[int]

    weights: Ints  # points x channels x PASSES x FEATURES
    thresholds: Ints  # buckets - 1
    index: NDArray[np.uint8]  # points x channels x PASSES x buckets
    heights: Ints  # tables x knots
    steps: Ints  # tables: one symbol in 1/2^12 of the density's knot unit

    @classmethod
    @abstractmethod
    def more_shapes(cls, arrays: Arrays, points: int, channels: int) -> dict[str, tuple[int, ...]]:
        """The shapes of the arrays that are not in LIBRARY, by their names without the prefix."""

    @abstractmethod
    def walk(self, k: int) -> Walk:
        """The integers of a lambda point."""

    def arrays(self) -> Arrays:
        found = ((name, getattr(self, name), kind) for name, kind in self.STORED.items())
        return {self.PREFIX + name: array.astype(kind) for name, array, kind in found if array is not None}

    @classmethod
    def kinds(cls, arrays: Arrays, points: int, channels: int) -> dict[str, Kind]:
        tables = min(len(arrays[cls.PREFIX + "heights"]), MAX_TABLES)
        thresholds = arrays[cls.PREFIX + "thresholds"].size
        shapes: dict[str, tuple[int, ...]] = {
            "weights": (points, channels, cls.PASSES, cls.FEATURES),
            "thresholds": (thresholds,),
            "index": (points, channels, cls.PASSES, thresholds + 1),
            "heights": (tables, len(KNOT_ARRAY)),
            "steps": (tables,),
        }
        shapes |= cls.more_shapes(arrays, points, channels)
        return {cls.PREFIX + name: Kind.of(cls.STORED[name], shape) for name, shape in shapes.items()}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "LibraryModel":
        found: Arrays = {name: arrays[cls.PREFIX + name] for name in cls.STORED if cls.PREFIX + name in arrays}
        # The largest arrays, of one or two bytes each, keep their stored types.
        kept: Arrays = {name: a if a.itemsize <= 2 else a.astype(np.int64) for name, a in found.items()}
        return cls(**kept)

    def check(self, steps: Ints) -> None:
        check_densities(self.heights, self.steps, self.PREFIX)
        if self.index.max() >= len(self.heights):
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
        return make_coder(self.tables, self.at(position))

    def at(self, position: int) -> Walk:
        """The integers in use at a position."""
        k = (position + 7 * POSITIONS // 8) // POSITIONS
        if k not in self._walks:
            self._walks[k] = self.walk(k)
        return self._walks[k]

    @cached_property
    def _walks(self) -> dict[int, Walk]:
        """The integers of lambda points that were needed: unpacking them takes as long as decoding a thumbnail."""
        return {}
