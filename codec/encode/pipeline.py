"""Encode a picture at a given rate position."""

from collections.abc import Iterable

import numpy as np

from lic.codec.encode.search import refine
from lic.codec.entropy import chunks
from lic.codec.file.container import Container, Section, build
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Latents, OperatingPoint, Symbols
from lic.codec.picture.pixels import Pixels
from lic.codec.picture.reading import Picture
from lic.codec.transform.engine import engine_of


def choose_symbols(
    pixels: Pixels, model: FrozenModel, point: OperatingPoint, effort: int, analysed: Latents | None = None
) -> Iterable[Symbols]:
    """The symbols of a picture, in chunks; without refinement each chunk is computed when it is needed.

    `analysed` are the picture's latents at the operating point, if they are known.
    """
    engine = engine_of(model)
    look = point.look(effort)
    if not effort:
        return engine.encode(pixels, point, look) if analysed is None else engine.choose(analysed, point)
    latents = engine.analyse(pixels, look) if analysed is None else analysed
    # The search starts from the symbols of no effort, so that its result is never worse than theirs.
    plain = engine.choose(latents, point) if look == point.look(0) else engine.encode(pixels, point)
    start = np.concatenate([*plain], axis=1)
    return chunks.chunks_of(refine(start, latents, pixels, model, point, effort))


def encode_picture(
    picture: Picture, model: FrozenModel, position: int, effort: int = 0, analysed: Latents | None = None
) -> bytes:
    """A picture as the bytes of a .lic file; `analysed` are its latents at that position, if they are known.

    Where few pixels occupy many blocks of 16 x 16 (a strip, a dot), latents may take more bytes than the pixels. Then
    the pixels are stored, which bounds the size of a file.
    """
    point = model.at(position)
    coded = chunks.pack(choose_symbols(picture.pixels, model, point, effort, analysed), point.coder)
    sections = picture.sections()
    if len(coded) + len(picture.packed_alpha or b"") > picture.raw_size:
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
