"""Decode the bytes of .lic files."""

import os
from collections.abc import Iterator

import numpy as np
from PIL import Image

from lic.codec.entropy import chunks
from lic.codec.errors import BadImage, BadModel, Corrupt
from lic.codec.file.container import ADJUSTMENT, ALPHA, STORED, WEBP, Container, FileLike, parse, read_bytes
from lic.codec.file.geometry import (
    CHUNK_ROWS,
    Region,
    check_cost,
    check_reduction,
    check_region,
    chunk_pixels,
    chunks_under,
    latent_size,
)
from lic.codec.model.catalogue import ModelFile, find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import OperatingPoint, Symbols
from lic.codec.picture import adjustment
from lic.codec.picture.writing import lossless_picture, to_pillow
from lic.codec.threads import finished_before_exit
from lic.codec.transform.engine import engine_of
from lic.models.architecture import PREVIEW


@finished_before_exit()
def decode(
    data: FileLike,
    *,
    region: Region | None = None,
    reduce: int = 1,
    exact: bool = False,
    max_pixels: float | None = None,
    model: str | os.PathLike[str] | None = None,
) -> Image.Image:
    """Decode a .lic file (its bytes, path or file object) to a Pillow image, with its metadata in `info`.

    `region` (left, top, right, bottom, in pixels) decodes only that part of the picture: the latents of the strips of
    1024 pixel rows that it touches, and the pixels of the region with the margin that they depend on.

    `reduce` is 2, 4 or 8 for a picture of a half, a quarter or an eighth of the width and height, rounded up; a region
    then has to begin at multiples of it. Its pixels are the means of squares of the whole picture's, which saves
    memory, but no time. For 4 and 8, a model that has a network for previews computes a picture near these means in a
    fraction of the time, unless `exact` asks for the means.

    `max_pixels` is the largest number of pixels to decode (`math.inf` for no limit); the few bytes of a header can
    claim 280 terapixels. By default Pillow's limit applies: a `DecompressionBombWarning` above
    PIL.Image.MAX_IMAGE_PIXELS, an error above twice that. The limit counts the pixels of all strips that are decoded.

    `model` is the name of the model that the file was encoded with, or the path of its .safetensors file; by
    default it is searched for among the shipped models and in the folders of LIC_MODELS.

    Raises `NotALicFile`, `Truncated`, `Corrupt`, `UnsupportedVersion`, `TooLarge`, `ModelNotFound`, `BadModel`, and
    `BadSetting` for a region that is not in the picture.

    >>> import numpy as np
    >>> from lic import encode
    >>> data = encode(np.full((200, 300, 3), 90, np.uint8), quality=30)
    >>> decode(data, region=(100, 50, 180, 60)).size
    (80, 10)
    """
    file = parse(read_bytes(data))
    size = file.width, file.height
    region = region or (0, 0, *size)
    check_region(region, size)
    check_reduction(reduce, region)
    needed = None if file.lossless else model_file(file, model)
    reach = needed.architecture.decoding_reach if needed else 0
    check_cost(pixels_to_decode(file, region, reach), size, max_pixels)
    if needed is None:
        return lossless_picture(file, region, reduce)
    return decode_picture(file, needed.load(), region, reduce, exact)


def pixels_to_decode(file: Container, region: Region, reach: int) -> int:
    """The number of pixels to decode for a region; a pixel depends on latents up to `reach` rows and columns away."""
    left, top, right, bottom = region
    if file.section(STORED) is not None:
        return (right - left) * (bottom - top)
    whole = file.section(WEBP) is not None or bool(file.section(ALPHA))  # these are not decoded in parts
    plane = file.width * file.height if whole else 0
    return plane if file.lossless else max(plane, chunk_pixels(region, (file.width, file.height), reach))


def decode_picture(
    file: Container, model: FrozenModel, region: Region | None = None, reduce: int = 1, exact: bool = False
) -> Image.Image:
    """The picture, or a region of it, from its latents; reduced as in `decode`."""
    size = file.width, file.height
    region = region or (0, 0, *size)
    preview = reduce % PREVIEW == 0 and not exact and model.has("preview")
    reach = model.architecture.preview_reach if preview else model.architecture.decoding_reach
    wanted = chunks_under(region, size, reach)
    chunks = read_chunks(file, model, wanted)
    point = operating_point(file, model)
    strips = engine_of(model).decode(chunks, wanted.start * CHUNK_ROWS, point, size, region, reduce, preview)
    return to_pillow(strips, file, region, reduce)


def operating_point(file: Container, model: FrozenModel) -> OperatingPoint:
    """The model at the position of a file, with its filter adjusted as the file says."""
    point, payload = model.at(file.position), file.section(ADJUSTMENT)
    if payload is None:
        return point
    if point.filter is None:
        raise Corrupt("the file adjusts a filter, which its model does not have: get a fresh copy of it")
    return point.adjusted(adjustment.unpack(payload))


def read_symbols(file: Container, model: FrozenModel) -> Symbols:
    """The symbols of a file."""
    return np.concatenate([*read_chunks(file, model)], axis=1)


def read_chunks(file: Container, model: FrozenModel, wanted: range | None = None) -> Iterator[Symbols]:
    """The symbols of a file by chunks, of all or only of the `wanted` ones."""
    if file.lossless:
        raise BadImage("the file is lossless, it has no latents: take a photograph")
    if file.position > model.last_position:
        raise Corrupt(f"the file claims rate position {file.position}, its model ends at {model.last_position}")
    shape = model.channels, *latent_size(file.width, file.height)
    return chunks.unpack(file.latents, shape, model.at(file.position).coder, wanted)


def model_file(file: Container, name: str | os.PathLike[str] | None) -> ModelFile:
    """The model that a file needs; if a model is named, it must be the right one."""
    if name is None:
        return find_model(fingerprint=file.fingerprint)
    found = find_model(name)
    if found.fingerprint != file.fingerprint:
        raise BadModel(
            f"the file needs model {file.fingerprint.hex()}, {name} is {found.fingerprint.hex()}: "
            "give the model that it was encoded with"
        )
    return found
