"""Latents to symbols and back, phase by phase in models with expected latents (see models/expectation.py).

The encoder predicts latents from the restored ones, as the decoder does, so both expect the same. Symbols are integers,
coded without reference to what was expected: two machines whose predictions differ in the last digits decode the same
symbols, and latents that differ as little.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from lic.codec.file.geometry import CHUNK_ROWS
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Latents, OperatingPoint, Symbols
from lic.codec.transform.engine import Engine, Floats
from lic.codec.transform.strips import Rows, Whole, by_tile
from lic.codec.transform.tiles import Tile, tiles
from lic.models.constants import PHASES, PLACES


def restore(symbols: Symbols, engine: Engine, point: OperatingPoint, origin: tuple[int, int] = (0, 0)) -> Latents:
    """The latents that symbols stand for: the input of the synthesis.

    `origin` is the row and column in the picture where the symbols begin. At their edges, unless those are the
    picture's, latents differ as far as `Architecture.restoration_reach` from those of the whole picture.
    """
    latents = point.dequantise(symbols)
    if point.trust is not None:
        phase = phases(symbols.shape, origin)
        for k in range(1, PHASES):
            latents += np.where(phase == k, _expected(k, latents, phase, engine, point, origin), np.float32(0))
    return latents


def restore_linearised(
    symbols: Symbols, engine: Engine, point: OperatingPoint, origin: tuple[int, int] = (0, 0)
) -> tuple[Latents, Callable[[Floats], Floats]]:
    """What `restore` returns, and its transposed derivative there.

    The function maps the gradient of a loss with respect to the latents to that with respect to the symbols. A symbol
    moves its own latent, and by way of it what is expected of the latents of later phases.
    """
    latents, unit = point.dequantise(symbols), point.inverse_gain.astype(np.float32)[:, None, None]
    phase = phases(symbols.shape, origin)
    backs = []
    if point.trust is not None:
        trust = point.trust.astype(np.float32)[:, None, None]
        for k in range(1, PHASES):
            expected, back = engine.linearise_expected(k, np.where(phase < k, latents, np.float32(0)), origin)
            latents += np.where(phase == k, expected * trust, np.float32(0))
            backs.append((k, trust, back))

    def back_to_symbols(slopes: Floats) -> Floats:
        slopes = slopes.copy()
        for k, trust, back in reversed(backs):
            known = back(np.where(phase == k, slopes * trust, np.float32(0)))
            slopes += np.where(phase < k, known, np.float32(0))
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
    if point.trust is not None:
        yield from _by_phase(latents, limits, model, point)
        return
    for start in range(0, limits[0], CHUNK_ROWS):
        yield point.quantise(latents.rows(start, min(start + CHUNK_ROWS, limits[0])))


def _by_phase(latents: Rows, limits: tuple[int, int], model: FrozenModel, point: OperatingPoint) -> Iterator[Symbols]:
    """The same with expected latents, which depend on one row to each side.

    So each phase is ahead of the next one by a row, and the first by three rows of the chunk.
    """
    rows, columns = limits
    top = 0  # the row where the next two begin; they end as far below the chunk as the first phase
    symbols = np.empty((model.channels, 0, columns), np.int32)
    restored = np.empty((model.channels, 0, columns), np.float32)
    for start in range(0, rows, CHUNK_ROWS):
        stop = min(start + CHUNK_ROWS, rows)
        above, bottom = max(0, start - 1), min(stop + PHASES - 1, rows)
        known, more = slice(above - top, None), ((0, 0), (0, bottom - top - symbols.shape[1]), (0, 0))
        symbols, restored, top = np.pad(symbols[:, known], more), np.pad(restored[:, known], more), above
        given = latents.rows(start, bottom)
        for k in range(PHASES):
            ahead = PHASES - 1 - k
            todo = start + ahead if start else 0, min(stop + ahead, rows)
            choose = partial(_choose, k, given, start, restored, top, point)
            for tile, (chosen, here, found) in by_tile(choose, tiles(todo, (0, columns), 1, (bottom, columns)), model):
                inner = tile.inner((top, 0))
                np.copyto(symbols[inner], chosen, where=here)
                np.copyto(restored[inner], found, where=here)
        yield symbols[:, start - top : stop - top]


def _choose(
    k: int,
    latents: Latents,
    start: int,
    restored: Latents,
    top: int,
    point: OperatingPoint,
    engine: Engine,
    tile: Tile,
) -> tuple[Symbols, NDArray[np.bool_], Latents]:
    """The symbols of a tile in phase k, where it has latents of that phase, and what they stand for.

    Here latents begin at row `start`, and those restored so far at row `top`.
    """
    around = restored[tile.outer((top, 0))]
    phase = phases(around.shape, tile.origin)
    expected = _expected(k, around, phase, engine, point, tile.origin)[tile.inner_of_outer()]
    chosen = point.quantise(latents[tile.inner((start, 0))] - expected)
    return chosen, phase[tile.inner_of_outer()] == k, point.dequantise(chosen) + expected


def _expected(
    k: int, latents: Latents, phase: NDArray[np.int8], engine: Engine, point: OperatingPoint, origin: tuple[int, int]
) -> Floats:
    """The latents of phase k, as expected from restored ones of earlier phases; other latents are ignored."""
    if k == 0 or point.trust is None:
        return np.zeros_like(latents)
    known = np.where(phase < k, latents, np.float32(0))
    return engine.expect(k, known, origin) * point.trust.astype(np.float32)[:, None, None]


@lru_cache(maxsize=8)  # the search asks for those of the same tiles again and again
def phases(shape: tuple[int, ...], origin: tuple[int, int] = (0, 0)) -> NDArray[np.int8]:
    """The phase of each latent (channels x rows x columns), if those of a picture begin at `origin`.

    >>> phases((2, 2, 2)).tolist(), phases((1, 1, 1), (0, 1)).tolist()
    ([[[0, 2], [3, 1]], [[3, 1], [2, 0]]], [[[2]]])
    """
    channel, y, x = (np.arange(n) for n in shape)
    place = np.array(PLACES)[(y[:, None] + origin[0]) % 2, (x + origin[1]) % 2]
    turn = channel[:, None, None] % PHASES
    phase: NDArray[np.int8] = (place.astype(np.int8) - turn.astype(np.int8)) % np.int8(PHASES)
    phase.setflags(write=False)
    return phase
