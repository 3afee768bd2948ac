"""Encode a picture at a given rate position."""

from collections.abc import Iterable

import numpy as np

from lic.codec.encode.search import refine
from lic.codec.entropy import chunks
from lic.codec.file.container import Container, Section, build
from lic.codec.file.geometry import latent_size
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Latents, OperatingPoint, Symbols
from lic.codec.picture.pixels import Pixels
from lic.codec.picture.reading import Picture
from lic.codec.transform.restoration import quantise_rows
from lic.codec.transform.strips import Rows, Whole
from lic.codec.transform.tiled import analyse_rows


def choose_symbols(
    latents: Rows, pixels: Pixels, model: FrozenModel, point: OperatingPoint, effort: int
) -> Iterable[Symbols]:
    """The symbols of a picture, in chunks; without refinement each chunk is computed when it is needed."""
    symbols = quantise_rows(latents, latent_size(pixels.shape[1], pixels.shape[0]), model, point)
    if effort:
        whole = np.concatenate([*symbols], axis=1)
        return chunks.chunks_of(refine(whole, pixels, model, point, effort))
    return symbols


def encode_picture(
    picture: Picture, model: FrozenModel, position: int, effort: int = 0, analysed: Latents | None = None
) -> bytes:
    """A picture as the bytes of a .lic file; `analysed` are its latents at that position, if they are known.

    Where few pixels occupy many blocks of 16 x 16 (a strip, a dot), latents may take more bytes than the pixels. Then
    the pixels are stored without loss, which bounds the size of a file.
    """
    point = model.at(position)
    latents = analyse_rows(picture.pixels, model, point) if analysed is None else Whole(analysed)
    coded = chunks.pack(choose_symbols(latents, picture.pixels, model, point, effort), point.coder)
    sections = picture.sections()
    if len(coded) + len(picture.packed_alpha or b"") > picture.raw_size:
        coded, sections = b"", picture.stored_sections()
    return _file(picture, model, position, coded, sections)


def encode_exactly(picture: Picture, model: FrozenModel) -> bytes:
    """A picture as the bytes of a .lic file without loss; `model` is named in the file, but not needed to decode it."""
    ways = (picture.lossless_sections(), picture.stored_sections())
    return min((_file(picture, model, 0, b"", sections) for sections in ways if sections is not None), key=len)


def _file(picture: Picture, model: FrozenModel, position: int, coded: bytes, sections: tuple[Section, ...]) -> bytes:
    height, width = picture.pixels.shape[:2]
    mode = picture.mode
    return build(Container(width, height, mode, position, model.fingerprint, coded, sections, picture.as_rgb))
