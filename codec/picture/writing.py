"""Decoded pictures, as Pillow images with transparency and metadata."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from lic.codec.errors import Corrupt
from lic.codec.file.container import ALPHA, STORED, WEBP, Container
from lic.codec.file.geometry import Region
from lic.codec.picture.alpha import unpack_alpha
from lic.codec.picture.lossless import unpack_webp
from lic.codec.picture.metadata import info_of
from lic.codec.picture.pixels import Pixels

WIDE = 2**16  # columns of pixels that are handed to Pillow at a time


def lossless_picture(file: Container, region: Region, reduce: int = 1) -> Image.Image:
    """A region of the picture of a lossless file."""
    if (packed := file.section(WEBP)) is not None:
        if file.latents or file.section(STORED) is not None:
            raise Corrupt("the file holds its picture more than once: get a fresh copy of it")
        picture = unpack_webp(packed, (file.width, file.height))
        if file.mode == "L" and not is_grey(picture):
            raise Corrupt("the file's pixels have colours, and it says that they are grey: get a fresh copy of it")
        pixels = np.asarray(picture.crop(region))
    else:
        pixels = _cut(file.section(STORED) or b"", file, len(file.mode), region)
        pixels = pixels if file.mode == "RGB" else pixels.repeat(3, axis=2)
    reduced = np.asarray(Image.fromarray(pixels).reduce(reduce)) if reduce > 1 else pixels
    return to_pillow([reduced], file, region, reduce)


def is_grey(image: Image.Image) -> bool:
    """Whether all pixels of an RGB picture have R = G = B."""
    red, green, blue = image.split()
    return all(ImageChops.difference(red, other).getbbox() is None for other in (green, blue))


def _cut(plain: bytes, file: Container, channels: int, region: Region) -> NDArray[np.uint8]:
    """A region of H x W x channels bytes."""
    shape = file.height, file.width, channels
    if file.latents or len(plain) != math.prod(shape):
        raise Corrupt(
            f"the file stores {len(plain)} bytes of a picture of {file.width} x {file.height}: get a fresh copy"
        )
    x0, y0, x1, y1 = region
    return np.frombuffer(plain, np.uint8).reshape(shape)[y0:y1, x0:x1]


def to_pillow(strips: Iterable[Pixels], file: Container, region: Region, reduce: int = 1) -> Image.Image:
    """The pixels of a region, in strips of rows, as a Pillow image, with the file's mode, transparency and metadata.

    They are those of a picture reduced to 1 / `reduce` of the width and height.
    """
    left, top, right, bottom = region
    image = Image.new(file.mode, (-(-(right - left) // reduce), -(-(bottom - top) // reduce)))
    row = 0
    for strip in strips:
        for x in range(0, strip.shape[1], WIDE):  # which takes less memory than a Pillow image of a wide strip
            part = Image.fromarray(np.ascontiguousarray(strip[:, x : x + WIDE]))
            image.paste(part if file.mode == "RGB" else part.convert("L"), (x, row))
        row += len(strip)
    image = image.convert("RGB") if file.as_rgb else image
    alpha = file.section(ALPHA)
    if alpha is not None:
        if alpha and file.section(STORED) is not None:
            plane = Image.fromarray(_cut(alpha, file, 1, region)[:, :, 0])
        else:
            plane = unpack_alpha(alpha, (file.width, file.height), region)
        image.putalpha(plane.reduce(reduce) if reduce > 1 else plane)
    image.info.update(info_of(file))
    return image
