"""Pictures to latents and back, tile by tile, with the same result as for the whole picture."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from lic.codec.file.geometry import Region, latent_size
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Latents, OperatingPoint, Symbols
from lic.codec.picture.pixels import Pixels, pad
from lic.codec.transform.engine import Engine, Floats, begins, ends
from lic.codec.transform.restoration import restore
from lic.codec.transform.strips import Area, Array, Make, Rows, Step, Whole
from lic.codec.transform.tiles import Tile, grown, strips
from lic.models.architecture import Stage
from lic.models.constants import DOWNSAMPLING, PEAK
from lic.models.second_look import blend, corrected


def first_look(pixels: Pixels, model: FrozenModel) -> Latents:
    """The latents (channels x rows x columns) of a picture, not yet scaled or rounded."""
    return _whole(_first_look(pixels, model), pixels)


def second_look(first: Latents, pixels: Pixels, model: FrozenModel) -> Latents:
    """The latents of a second look at the picture."""
    return _whole(_second_look(Whole(first), pixels, model), pixels)


def analyse(pixels: Pixels, model: FrozenModel, point: OperatingPoint) -> Latents:
    """The latents of a picture at an operating point, before rounding."""
    return _whole(analyse_rows(pixels, model, point), pixels)


def _whole(latents: Rows, pixels: Pixels) -> Latents:
    rows, columns = _limits(pixels)
    return np.concatenate([latents.rows(*strip) for strip in strips((0, rows), columns)], axis=1)


def analyse_rows(pixels: Pixels, model: FrozenModel, point: OperatingPoint) -> Rows:
    """The same in strips of rows."""
    if not point.second_look:
        return _first_look(pixels, model)
    first = _first_look(pixels, model, keep=model.architecture.analysis_reach + model.architecture.synthesis_reach)
    return Blend(first, _second_look(first, pixels, model), point.second_look)


class Blend(Rows):
    """Latents of the first look, blended with those of the second."""

    def __init__(self, first: Rows, second: Rows, share: float) -> None:
        super().__init__()
        self._first, self._second, self._share = first, second, share

    def _more(self, stop: int) -> Latents:
        first = self._first.rows(self._end, stop)  # before it goes ahead for the second look
        return blend(first, self._second.rows(self._end, stop), np.float32(self._share))


def _first_look(pixels: Pixels, model: FrozenModel, keep: int = 0) -> Rows:
    picture = Whole(pixels.transpose(2, 0, 1), DOWNSAMPLING)
    limits = _limits(pixels)
    return _analysis("analysis", picture, lambda planes: _picture(planes.transpose(1, 2, 0)), model, limits, keep)


def _second_look(first: Rows, pixels: Pixels, model: FrozenModel) -> Rows:
    finest = model.at(model.last_position)
    unscale = (finest.gain * finest.inverse_gain).astype(np.float32)[:, None, None]

    def correct(decoded: Floats, tile: Tile) -> Array:
        picture = _picture(pixels[tile.outer(scale=DOWNSAMPLING)[1:]])
        return corrected(picture, decoded).transpose(2, 0, 1)

    limits = _limits(pixels)
    area = (0, limits[0]), (0, limits[1])
    decoded = _synthesis(None, first, lambda latents: latents * unscale, correct, model, limits, area)
    return _analysis("second look", decoded, lambda planes: planes.transpose(1, 2, 0), model, limits)


def synthesise_strips(
    symbols: Rows,
    model: FrozenModel,
    point: OperatingPoint,
    size: tuple[int, int],
    region: Region,
    reduce: int = 1,
) -> Iterator[Pixels]:
    """The pixels of a region of a picture of that size, in strips of rows; or the means of squares of pixels."""
    limits, (rows, columns) = latent_size(*size), _latents_under(region)
    restored = Step(
        symbols,
        lambda engine, part, tile: restore(part, engine, point, tile.origin),
        model,
        limits,
        _around((rows, columns), model.architecture.synthesis_reach, limits),
        model.architecture.restoration_reach,
    )
    picture = _synthesis(
        "synthesis",
        restored,
        lambda latents: latents,
        lambda decoded, _: grey_levels(decoded).transpose(2, 0, 1),
        model,
        limits,
        (rows, columns),
        reduce,
    )
    x0, y0, x1, y1 = region[0] // reduce, region[1] // reduce, -(-region[2] // reduce), -(-region[3] // reduce)
    for start, stop in strips(rows, limits[1]):
        strip = picture.rows(start, stop).transpose(1, 2, 0)
        top, left = start * DOWNSAMPLING // reduce, columns[0] * DOWNSAMPLING // reduce
        yield strip[max(0, y0 - top) : y1 - top, x0 - left : x1 - left]


def synthesise(symbols: Symbols, model: FrozenModel, point: OperatingPoint, size: tuple[int, int]) -> Pixels:
    """The pixels of a picture of that size."""
    return np.concatenate([*synthesise_strips(Whole(symbols), model, point, size, (0, 0, *size))])


def _analysis(
    name: str,
    source: Rows,
    as_picture: Callable[[Array], Floats],
    model: FrozenModel,
    limits: tuple[int, int],
    keep: int = 0,
) -> Rows:
    """The latents of what is a picture (height x width x 3, padded) once `as_picture` has turned it into one."""

    def make_of(stage: Stage) -> Make:
        prepare = as_picture if begins(stage.layers) else lambda part: part
        return lambda engine, part, _: engine.analyse(prepare(part), stage.layers)

    area = (0, limits[0]), (0, limits[1])
    return _in_stages(name, model.architecture.analysis_stages, source, make_of, model, limits, area, keep)


def _synthesis(
    name: str | None,
    source: Rows,
    as_latents: Callable[[Floats], Floats],
    finish: Callable[[Floats, Tile], Array],
    model: FrozenModel,
    limits: tuple[int, int],
    area: Area,
    reduce: int = 1,
) -> Rows:
    """What `finish` makes of the decoded, perhaps reduced pictures (height x width x 3) of tiles.

    Decoded is what `as_latents` makes of the source.
    """
    architecture = model.architecture

    def make_of(stage: Stage) -> Make:
        def make(engine: Engine, part: Array, tile: Tile) -> Array:
            part = as_latents(part) if begins(stage.layers) else part
            if ends(stage.layers, architecture.synthesis):
                return finish(engine.synthesise(part, stage.layers, reduce), tile)
            return engine.synthesise(part, stage.layers)

        return make

    stages = architecture.synthesis_stages
    stages[-1] = stages[-1]._replace(samples=stages[-1].samples // reduce)
    return _in_stages(name, stages, source, make_of, model, limits, area)


def _in_stages(
    name: str | None,
    stages: list[Stage],
    source: Rows,
    make_of: Callable[[Stage], Make],
    model: FrozenModel,
    limits: tuple[int, int],
    area: Area,
    keep: int = 0,
) -> Rows:
    """What a transform makes in an area of a picture, stage by stage, each in an area wider by what follows.

    Progress of the last one is told under `name`, if there is one.
    """
    for i, stage in enumerate(stages, start=1):
        wide = _around(area, sum(later.reach for later in stages[i:]), limits)
        size = stage.reach, stage.samples, stage.finest
        last = {"keep": keep, "name": name} if i == len(stages) else {}
        source = Step(source, make_of(stage), model, limits, wide, *size, **last)  # type: ignore[arg-type]
    return source


def _around(area: Area, reach: int, limits: tuple[int, int]) -> Area:
    rows, columns = (grown(interval, reach, limit) for interval, limit in zip(area, limits, strict=True))
    return rows, columns


def _limits(pixels: Pixels) -> tuple[int, int]:
    return latent_size(pixels.shape[1], pixels.shape[0])


def _picture(pixels: Pixels) -> Floats:
    """Pixels padded to blocks of 16 x 16, in 0..1."""
    return pad(pixels).astype(np.float32) / np.float32(PEAK)


def grey_levels(picture: Floats) -> NDArray[np.uint8]:
    """Values in 0..1 as whole grey levels; ties are rounded to even."""
    levels = picture * np.float32(PEAK)
    np.rint(levels, out=levels)
    return np.clip(levels, 0, PEAK, out=levels).astype(np.uint8)


def _latents_under(region: Region) -> Area:
    """Rows and columns of the latents that a region's pixels belong to."""
    x0, y0, x1, y1 = region
    return (y0 // DOWNSAMPLING, -(-y1 // DOWNSAMPLING)), (x0 // DOWNSAMPLING, -(-x1 // DOWNSAMPLING))
