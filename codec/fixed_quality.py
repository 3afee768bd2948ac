"""Encode a picture at one position between a model's lambda points."""

from collections.abc import Iterable

from lic.codec.entropy import chunks
from lic.codec.file.container import Container, build
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Latents, OperatingPoint, Symbols
from lic.codec.picture.image import Picture, Pixels
from lic.codec.process import give_back_memory
from lic.codec.refinement import refine
from lic.codec.transform.tiled import analyse


def choose_symbols(
    latents: Latents, pixels: Pixels, model: FrozenModel, point: OperatingPoint, effort: int
) -> Iterable[Symbols]:
    """The symbols that stand for a picture, in chunks; unless refined, each is made when it is asked for."""
    if effort:
        return chunks.chunks_of(refine(point.quantise(latents), pixels, model, point, effort))
    return map(point.quantise, chunks.chunks_of(latents))


def encode_picture(
    picture: Picture, model: FrozenModel, position: int, effort: int = 0, analysed: Latents | None = None
) -> bytes:
    """The whole way from a picture to a .lic file; `analysed` are its latents at that position, if they are known.

    Few pixels in many blocks of 16 x 16 (a strip, a dot) may take more bytes as latents than as they are, and no
    model is trained to tell. Then they are stored: without loss, and the file's size has a bound.
    """
    point = model.at(position)
    latents = analyse(picture.pixels, model, point) if analysed is None else analysed
    coded = chunks.pack(choose_symbols(latents, picture.pixels, model, point, effort), point.coder)
    sections = picture.sections()
    if len(coded) + len(picture.packed_alpha or b"") > picture.raw_size:
        coded, sections = b"", picture.stored_sections()
    give_back_memory()
    height, width = picture.pixels.shape[:2]
    return build(Container(width, height, picture.mode, position, model.fingerprint, coded, sections))
