"""Arrays of a picture that are made in strips of rows, from top to bottom, so that large pictures need little memory.

Each step of a transform takes the rows that it needs from the step before: some more than it makes, since a result
depends on its surroundings. What two strips have in common is kept, not made twice. All arrays are channels x rows x
columns; rows and columns are counted in latents, of which each has `scale` samples in both directions.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lic.codec.model.frozen import FrozenModel
from lic.codec.process import in_threads, threads
from lic.codec.steps import tell
from lic.codec.transform.engine import Engine
from lic.codec.transform.engines import engine_of
from lic.codec.transform.tiles import Interval, Tile, grown, strips, tiles

Array = NDArray[Any]
Result = TypeVar("Result")
Area = tuple[Interval, Interval]  # of rows and of columns
Make = Callable[[Engine, Array, Tile], Array]  # what follows from an array under a tile and its halo, in the same place


class Rows(ABC):
    """An array whose rows are asked for in order; the last ones asked for are kept."""

    def __init__(self, scale: int = 1, origin: tuple[int, int] = (0, 0), keep: int = 0) -> None:
        self.scale = scale
        self._end, self._first_column = origin  # `_end`: of the rows that have been made
        self._keep = keep
        self._parts: deque[tuple[int, Array]] = deque()  # first rows, and the rows from there on

    def rows(self, start: int, stop: int) -> Array:
        """The rows from `start` to `stop`; those more than `keep` rows above `start` may be gone afterwards."""
        self.prepare(start, stop)
        return self.part((start, stop))

    def prepare(self, start: int, stop: int) -> None:
        """Make rows up to `stop`, and forget those that are not needed from `start` on."""
        top = start - self._keep
        while len(self._parts) > 1 and self._parts[1][0] <= top:
            self._parts.popleft()
        if self._parts and top > self._parts[0][0]:
            first, part = self._parts.popleft()
            self._parts.appendleft((top, part[:, (top - first) * self.scale :].copy()))
        while self._end < stop:
            part = self._more(stop)
            self._parts.append((self._end, part))
            self._end += -(-part.shape[1] // self.scale)

    def part(self, rows: Interval, columns: Interval | None = None) -> Array:
        """Some rows and columns, of rows that are there."""
        left, right = ((column - self._first_column) * self.scale for column in columns) if columns else (None, None)
        found = [
            part[:, max(0, rows[0] - first) * self.scale : max(0, rows[1] - first) * self.scale, left:right]
            for first, part in self._parts
        ]
        found = [part for part in found if part.shape[1]]
        return found[0] if len(found) == 1 else np.concatenate(found, axis=1)

    @abstractmethod
    def _more(self, stop: int) -> Array:
        """The next rows, from `self._end` to `stop`, or some of them, or beyond."""


class Whole(Rows):
    """The rows of an array that is there."""

    def __init__(self, array: Array, scale: int = 1) -> None:
        super().__init__(scale)
        self._parts.append((0, array))

    def prepare(self, start: int, stop: int) -> None:
        pass

    def _more(self, stop: int) -> Array:
        raise AssertionError("all rows are there")


class Pieces(Rows):
    """Rows that come in pieces."""

    def __init__(self, pieces: Iterator[Array], first_row: int = 0) -> None:
        super().__init__(origin=(first_row, 0))
        self._pieces = pieces

    def _more(self, stop: int) -> Array:
        return next(self._pieces)


class Step(Rows):
    """Rows that are made of those of another array, tile by tile, from the first that is asked for.

    `make` gets tiles with a halo of `around` latents, and the halo of its result is cut off. `limits` are the rows and
    columns of the picture, `area` those to be made. Progress is told under `name`, if there is one.
    """

    def __init__(
        self,
        source: Rows,
        make: Make,
        model: FrozenModel,
        limits: tuple[int, int],
        area: Area,
        around: int = 0,
        scale: int = 1,
        samples: int = 1,
        keep: int = 0,
        name: str | None = None,
    ) -> None:
        (first_row, last_row), (first_column, _) = area
        super().__init__(scale, (first_row, first_column), keep)
        self._source, self._make, self._model = source, make, model
        self._name, self._all = name, (first_row, last_row)
        self._limits, self._columns, self._around, self._samples = limits, area[1], around, samples

    def _more(self, stop: int) -> Array:
        todo = strips((self._end, stop), self._limits[1])[0]
        if self._name:
            tell(self._name, self._end - self._all[0], self._all[1] - self._all[0])
        above, below = grown(todo, self._around, self._limits[0])
        self._source.prepare(above, below)
        origin, wide = (todo[0], self._columns[0]), self._columns[1] - self._columns[0]

        def make(engine: Engine, tile: Tile) -> Array:
            part = self._source.part((above, below), (tile.columns.outer_start, tile.columns.outer_stop))
            return self._make(engine, part, tile)[tile.inner_of_outer(self.scale)]

        made: Array | None = None
        for tile, result in by_tile(
            make, tiles(todo, self._columns, self._around, self._limits, self._samples), self._model
        ):
            if made is None:
                shape = len(result), (todo[1] - todo[0]) * self.scale, wide * self.scale
                made = np.empty(shape, result.dtype)
            made[tile.inner(origin, self.scale)] = result
        assert made is not None
        return made


def by_tile(
    function: Callable[[Engine, Tile], Result], todo: Iterable[Tile], model: FrozenModel
) -> Iterator[tuple[Tile, Result]]:
    """The function's result for each tile: several in threads, which share the cores, a single one on all cores."""
    todo = [*todo]
    engine = engine_of(model, max(1, threads() // len(todo)))
    if len(todo) == 1:
        return iter([(todo[0], function(engine, todo[0]))])
    return zip(todo, in_threads(partial(function, engine), todo), strict=True)
