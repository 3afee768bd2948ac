"""Latents to symbols and back, phase by phase in models with expected latents (see models/expectation.py).

The encoder predicts latents from the restored ones, as the decoder does, so both expect the same. Symbols are integers,
coded without reference to what was expected: two machines whose predictions differ in the last digits decode the same
symbols, and latents that differ as little.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lic.codec.file.geometry import CHUNK_ROWS
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Latents, OperatingPoint, Symbols
from lic.codec.transform.engine import Engine, Floats
from lic.codec.transform.strips import Rows, Whole, by_tile
from lic.codec.transform.tiles import Tile, strips, tiles
from lic.models.constants import PHASES, PLACES


def restore(symbols: Symbols, engine: Engine, point: OperatingPoint, origin: tuple[int, int] = (0, 0)) -> Latents:
    """The latents that symbols stand for: the input of the synthesis.

    `origin` is the row and column in the picture where the symbols begin. At their edges, unless those are the
    picture's, latents differ as far as `Architecture.restoration_reach` from those of the whole picture.
    """
    latents = point.dequantise(symbols)
    if point.trust is not None:
        for k in range(1, PHASES):
            expected = _expected(k, latents, engine, point, origin)
            for place in places(k, origin):
                latents[place] += expected[place]
    return latents


def restore_linearised(
    symbols: Symbols, engine: Engine, point: OperatingPoint, origin: tuple[int, int] = (0, 0)
) -> tuple[Latents, Callable[[Floats], Floats]]:
    """What `restore` returns, and its transposed derivative there.

    The function maps the gradient of a loss with respect to the latents to that with respect to the symbols. A symbol
    moves its own latent, and by way of it what is expected of the latents of later phases.
    """
    latents, unit = point.dequantise(symbols), point.inverse_gain.astype(np.float32)[:, None, None]
    backs = []
    if point.trust is not None:
        trust = point.trust.astype(np.float32)[:, None, None]
        for k in range(1, PHASES):
            expected, back = engine.linearise_expected(k, _only(range(k), latents, origin), origin)
            latents += _only([k], expected * trust, origin)
            backs.append((k, trust, back))

    def back_to_symbols(slopes: Floats) -> Floats:
        slopes = slopes.copy()
        for k, trust, back in reversed(backs):
            slopes += _only(range(k), back(_only([k], slopes * trust, origin)), origin)
        return slopes * unit

    return latents, back_to_symbols


def quantise(latents: Latents, model: FrozenModel, point: OperatingPoint) -> Iterator[Symbols]:
    """The symbols of a picture's latents, in chunks, each computed when it is needed."""
    _, rows, columns = latents.shape
    return quantise_rows(Whole(latents), (rows, columns), model, point)


def quantise_rows(
    latents: Rows, limits: tuple[int, int], model: FrozenModel, point: OperatingPoint
) -> Iterator[Symbols]:
    """The same for latents that come in strips, and are so many rows and columns in all."""
    rows, columns = limits
    by_phase = None if point.trust is None else ByPhase(latents, limits, model, point)
    for start in range(0, rows, CHUNK_ROWS):
        stop = min(start + CHUNK_ROWS, rows)
        chunk = np.empty((model.channels, stop - start, columns), np.int32)
        for strip in strips((start, stop), columns):
            chosen = by_phase.choose(*strip) if by_phase else point.quantise(latents.rows(*strip))
            chunk[:, strip[0] - start : strip[1] - start] = chosen
        yield chunk


class ByPhase:
    """Chooses symbols with expected latents, which depend on one row to each side.

    So each phase is ahead of the next one by a row, and the first by three rows of the strip.
    """

    def __init__(self, latents: Rows, limits: tuple[int, int], model: FrozenModel, point: OperatingPoint) -> None:
        self._latents, self._limits, self._model, self._point = latents, limits, model, point
        self._top = 0  # the row where the next two begin; they end as far below the strip as the first phase
        self._symbols: Symbols = np.empty((model.channels, 0, limits[1]), np.int32)
        self._restored: Latents = np.empty(self._symbols.shape, np.float32)

    def choose(self, start: int, stop: int) -> Symbols:
        """The symbols of the next strip of rows."""
        rows, columns = self._limits
        above, bottom = max(0, start - 1), min(stop + PHASES - 1, rows)
        known, more = slice(above - self._top, None), ((0, 0), (0, bottom - self._top - self._symbols.shape[1]), (0, 0))
        self._symbols, self._restored = np.pad(self._symbols[:, known], more), np.pad(self._restored[:, known], more)
        self._top = above
        given = self._latents.rows(start, bottom)
        for k in range(PHASES):
            ahead = PHASES - 1 - k
            todo = start + ahead if start else 0, min(stop + ahead, rows)
            choose = partial(self._choose_phase, k, given, start)
            for _ in by_tile(choose, tiles(todo, (0, columns), 1, (bottom, columns)), self._model):
                pass
        return self._symbols[:, start - above : stop - above]

    def _choose_phase(self, k: int, given: Latents, start: int, engine: Engine, tile: Tile) -> None:
        """Choose the symbols of a tile in phase k. The latents that are given begin at row `start`."""
        around = self._restored[tile.outer((self._top, 0))]
        expected = _expected(k, around, engine, self._point, tile.origin)[tile.inner_of_outer()]
        latents = given[tile.inner((start, 0))]
        symbols, restored = (array[tile.inner((self._top, 0))] for array in (self._symbols, self._restored))
        for place in places(k, (tile.rows.start, tile.columns.start)):
            chosen = self._point.quantise(latents[place] - expected[place], place[0])
            symbols[place] = chosen
            restored[place] = self._point.dequantise(chosen, place[0]) + expected[place]


def _expected(k: int, latents: Latents, engine: Engine, point: OperatingPoint, origin: tuple[int, int]) -> Floats:
    """The latents of phase k, as expected from restored ones of earlier phases; other latents are ignored."""
    if k == 0 or point.trust is None:
        return np.zeros_like(latents)
    return engine.expect(k, _only(range(k), latents, origin), origin) * point.trust.astype(np.float32)[:, None, None]


def _only(some: Iterable[int], latents: Floats, origin: tuple[int, int]) -> Floats:
    """The latents of some phases, and 0 for the others."""
    found = np.zeros_like(latents)
    for k in some:
        for place in places(k, origin):
            found[place] = latents[place]
    return found


def places(k: int, origin: tuple[int, int] = (0, 0)) -> Iterator[tuple[slice, slice, slice]]:
    """Where the latents of phase k are, in an array that begins at `origin`: a part of it for each fourth of channels.

    >>> next(places(2))
    (slice(0, None, 4), slice(0, None, 2), slice(1, None, 2))
    """
    for turn in range(PHASES):
        ((row, column),) = np.argwhere((np.array(PLACES) - turn) % PHASES == k).tolist()
        yield slice(turn, None, PHASES), slice((row - origin[0]) % 2, None, 2), slice((column - origin[1]) % 2, None, 2)


def phases(shape: tuple[int, ...], origin: tuple[int, int] = (0, 0)) -> NDArray[np.int8]:
    """The phase of each latent (channels x rows x columns), if those of a picture begin at `origin`.

    >>> phases((2, 2, 2)).tolist(), phases((1, 1, 1), (0, 1)).tolist()
    ([[[0, 2], [3, 1]], [[3, 1], [2, 0]]], [[[2]]])
    """
    phase = np.empty(shape, np.int8)
    for k in range(PHASES):
        for place in places(k, origin):
            phase[place] = k
    return phase
