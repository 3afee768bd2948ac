"""Encode a picture at a given rate position."""

from collections.abc import Iterable

import numpy as np

from lic.codec.encode.search import Refined, refine
from lic.codec.entropy import chunks
from lic.codec.file.container import Container, Section, build
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Latents, OperatingPoint, Symbols
from lic.codec.picture.pixels import Pixels
from lic.codec.picture.reading import Picture
from lic.codec.transform.engine import engine_of


def choose_symbols(
    pixels: Pixels, model: FrozenModel, point: OperatingPoint, analysed: Latents | None = None
) -> Iterable[Symbols]:
    """The symbols of a picture without a search, in chunks, each of which is computed when it is needed.

    `analysed` are the picture's latents at the operating point, if they are known.
    """
    engine = engine_of(model)
    return engine.encode(pixels, point) if analysed is None else engine.choose(analysed, point)


def search_symbols(
    pixels: Pixels, model: FrozenModel, point: OperatingPoint, effort: int, analysed: Latents | None = None
) -> Refined:
    """The symbols of a picture after a search."""
    engine, look = engine_of(model), point.look(effort)
    latents = engine.analyse(pixels, look) if analysed is None else analysed
    # The search starts from the symbols of no effort, so that its result is never worse than theirs.
    plain = engine.choose(latents, point) if look == point.look(0) else engine.encode(pixels, point)
    start = np.concatenate([*plain], axis=1)
    return refine(start, latents, pixels, model, point, effort)


def encode_picture(
    picture: Picture, model: FrozenModel, position: int, effort: int = 0, analysed: Latents | None = None
) -> bytes:
    """A picture as the bytes of a .lic file; `analysed` are its latents at that position, if they are known.

    Where few pixels occupy many blocks of 16 x 16 (a strip, a dot), latents may take more bytes than the pixels. Then
    the pixels are stored, which bounds the size of a file.
    """
    point, pixels = model.at(position), picture.pixels
    room = picture.raw_size - len(picture.packed_alpha or b"")
    sections = picture.sections()
    if effort:
        symbols, of_filter = search_symbols(pixels, model, point, effort, analysed)
        coded, sections = chunks.pack(chunks.chunks_of(symbols), point.coder), (*of_filter, *sections)
    else:
        coded = chunks.pack(choose_symbols(pixels, model, point, analysed), point.coder)
    if len(coded) > room:
        coded, sections = b"", picture.stored_sections()
    return _file(picture, model, position, coded, sections)


def encode_lossless(picture: Picture, model: FrozenModel) -> bytes:
    """A picture as the bytes of a lossless .lic file; `model` is named in the file, but not needed to decode it."""
    ways = (picture.webp_sections(), picture.stored_sections())
    return min((_file(picture, model, 0, b"", sections) for sections in ways if sections is not None), key=len)


def _file(picture: Picture, model: FrozenModel, position: int, coded: bytes, sections: tuple[Section, ...]) -> bytes:
    height, width = picture.pixels.shape[:2]
    mode = picture.mode
    return build(Container(width, height, mode, position, model.fingerprint, coded, sections, picture.as_rgb))
