"""Sample pictures as .lic files of several qualities, each beside the JPEG file nearest in size."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lic.tools.evaluation.codecs import LIC, Codec, Pixels, get_codec, largest_within
from lic.tools.evaluation.metrics import ms_ssim, psnr
from lic.tools.extras import require
from lic.tools.files import png, write_whole

SAMPLES = ("astronaut", "chelsea", "coffee")  # pictures that come with scikit-image
QUALITIES = (10.0, 30.0, 50.0, 70.0)


class Row(NamedTuple):
    """One file of the demonstration."""

    picture: str
    codec: str
    quality: float
    bytes: int
    bpp: float
    psnr: float
    ms_ssim: float


def demonstrate(folder: Path, model: str | None) -> Iterator[Row]:
    """Write NAME.png of each picture, and for each quality Q NAME-qQ.lic, .png (what that decodes to) and .jpg."""
    ours, jpeg = get_codec(LIC, model), get_codec("jpeg")
    data_of_skimage = require("skimage.data")
    for name in SAMPLES:
        pixels = np.ascontiguousarray(getattr(data_of_skimage, name)())
        write_whole(folder / f"{name}.png", png(pixels))
        for quality in QUALITIES:
            data = ours.encode(pixels, quality)
            decoded = ours.decode(data)
            write_whole(folder / f"{name}-q{quality:g}.lic", data)
            write_whole(folder / f"{name}-q{quality:g}.png", png(decoded))
            yield measured(name, LIC, quality, data, pixels, decoded)
            jpeg_quality, data = of_size(jpeg, pixels, len(data))
            write_whole(folder / f"{name}-q{quality:g}.jpg", data)
            yield measured(name, "JPEG", jpeg_quality, data, pixels, jpeg.decode(data))


def of_size(codec: Codec, pixels: Pixels, size: int) -> tuple[float, bytes]:
    """The setting of a codec whose file is nearest in size, and the file."""
    setting, below = largest_within(partial(codec.encode, pixels), codec.grid, size)
    after = codec.grid[min(codec.grid.index(setting) + 1, len(codec.grid) - 1)]
    above = codec.encode(pixels, after)
    return (after, above) if abs(len(above) - size) < abs(len(below) - size) else (setting, below)


def measured(picture: str, codec: str, quality: float, data: bytes, pixels: Pixels, decoded: Pixels) -> Row:
    bpp = 8 * len(data) / (pixels.shape[0] * pixels.shape[1])
    return Row(picture, codec, quality, len(data), bpp, psnr(pixels, decoded), ms_ssim(pixels, decoded))
