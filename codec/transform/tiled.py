"""Pictures to latents and back, tile by tile, with the same result as for the whole picture."""

import numpy as np
from numpy.typing import NDArray

from lic.codec.file.geometry import Region, latent_size
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Latents, OperatingPoint, Symbols
from lic.codec.picture.image import Pixels, pad
from lic.codec.steps import follow
from lic.codec.transform.engine import Floats
from lic.codec.transform.engines import engine_of
from lic.codec.transform.restoration import restore
from lic.codec.transform.tiles import Tile, tiles
from lic.models.constants import DOWNSAMPLING, PEAK
from lic.models.second_look import blend, look_again


def first_look(pixels: Pixels, model: FrozenModel) -> Latents:
    """The latents (channels x rows x columns) of a picture, not yet scaled or rounded."""
    rows, columns = limits = latent_size(pixels.shape[1], pixels.shape[0])
    latents = np.empty((model.channels, rows, columns), np.float32)
    for tile in follow("analysis", [*tiles((0, rows), (0, columns), model.architecture.analysis_reach, limits)]):
        latents[tile.inner()] = engine_of(model).analyse(picture_around(tile, pixels))[tile.inner_of_outer()]
    return latents


def second_look(latents: Latents, pixels: Pixels, model: FrozenModel, share: float) -> None:
    """Blend latents, in place, with those of a second look at the picture."""
    engine = engine_of(model)
    around = model.architecture.analysis_reach + model.architecture.synthesis_reach
    rows, columns = limits = latents.shape[1:]
    finest = model.at(model.last_position)
    unscale = (finest.gain * finest.inverse_gain).astype(np.float32)[:, None, None]
    first = above = latents[:, :0]
    for tile in follow("second look", [*tiles((0, rows), (0, columns), around, limits)]):
        if tile.columns.start == 0:  # keep the first latents that this row of tiles and the next need
            first = np.concatenate([above, latents[:, tile.rows.start : tile.rows.outer_stop]], axis=1)
            above = first[:, : tile.rows.stop - tile.rows.outer_start][:, -around:]
        unscaled = first[:, :, tile.columns.outer()] * unscale
        second = look_again(engine.analyse, engine.synthesise, picture_around(tile, pixels), unscaled)
        latents[tile.inner()] = blend(latents[tile.inner()], second[tile.inner_of_outer()], np.float32(share))


def analyse(pixels: Pixels, model: FrozenModel, point: OperatingPoint) -> Latents:
    """The latents of a picture at an operating point, before rounding."""
    latents = first_look(pixels, model)
    if point.second_look:
        second_look(latents, pixels, model, point.second_look)
    return latents


def picture_around(tile: Tile, pixels: Pixels) -> Floats:
    """The part of a picture under a tile and its halo, padded to blocks of 16 x 16, in 0..1."""
    part = pad(pixels[tile.outer(scale=DOWNSAMPLING)[1:]])
    return part.astype(np.float32) / np.float32(PEAK)


def synthesise(
    symbols: Symbols,
    model: FrozenModel,
    point: OperatingPoint,
    size: tuple[int, int],
    region: Region,
    first_row: int = 0,
) -> Pixels:
    """The pixels of a region of a picture of that size; `symbols` are its latents from `first_row` on."""
    engine = engine_of(model)
    rows, columns = _latents_under(region)
    shape = [(stop - start) * DOWNSAMPLING for start, stop in (rows, columns)]
    pixels = np.empty((*shape, 3), np.uint8)
    parts = [*tiles(rows, columns, model.architecture.decoding_reach, latent_size(*size))]
    for tile in follow("synthesis", parts):
        latents = restore(symbols[tile.outer((first_row, 0))], engine, point, tile.origin)
        picture = engine.synthesise(latents)[tile.inner_of_outer(DOWNSAMPLING)[1:]]
        pixels[tile.inner((rows[0], columns[0]), DOWNSAMPLING)[1:]] = grey_levels(picture)
    x0, y0, x1, y1 = region
    top, left = rows[0] * DOWNSAMPLING, columns[0] * DOWNSAMPLING
    return pixels[y0 - top : y1 - top, x0 - left : x1 - left]


def grey_levels(picture: Floats) -> NDArray[np.uint8]:
    """Values in 0..1 as whole grey levels; ties are rounded to even."""
    levels = picture * np.float32(PEAK)
    np.rint(levels, out=levels)
    return np.clip(levels, 0, PEAK, out=levels).astype(np.uint8)


def _latents_under(region: Region) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns of the latents that a region's pixels belong to."""
    x0, y0, x1, y1 = region
    return (y0 // DOWNSAMPLING, -(-y1 // DOWNSAMPLING)), (x0 // DOWNSAMPLING, -(-x1 // DOWNSAMPLING))
