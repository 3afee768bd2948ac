"""Sample pictures as .lic files of several qualities, each beside the JPEG file nearest in size."""

from bisect import bisect_left
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from lic.codec.picture.fidelity import psnr
from lic.tools.evaluation.codecs import LIC, Codec, Pixels, get_codec, largest_within
from lic.tools.evaluation.versions import Version, make_version
from lic.tools.files import png, write_whole

SAMPLES = Path(__file__).parent / "samples"  # lossless; their licences are in datasets.md
QUALITIES = (10.0, 30.0, 50.0, 70.0)


class Row(NamedTuple):
    """A picture at a quality."""

    name: str
    original: Pixels
    ours: Version
    jpeg: Version
    factor: float  # by which the JPEG file of the same PSNR is larger


def demonstrate(folder: Path, model: str | None, force: bool = False) -> Iterator[Row]:
    """Each picture at each quality, by lic and as JPEG of the same size.

    They are written as NAME.png, and for each quality Q NAME-qQ.lic, NAME-qQ.png (what that decodes to), NAME-qQ.jpg.
    """
    ours, jpeg = get_codec(LIC, model), get_codec("jpeg")
    for path in sorted(SAMPLES.glob("*.webp")):
        name, pixels = path.stem, np.array(Image.open(path))
        write_whole(folder / f"{name}.png", png(pixels), replace=force)
        for quality in QUALITIES:
            data = ours.encode(pixels, quality)
            version = make_version(pixels, ours, quality, data)
            jpeg_quality, jpeg_data = of_size(jpeg, pixels, len(data))
            write_whole(folder / f"{name}-q{quality:g}.lic", data, replace=force)
            write_whole(folder / f"{name}-q{quality:g}.png", png(version.pixels), replace=force)
            write_whole(folder / f"{name}-q{quality:g}.jpg", jpeg_data, replace=force)
            other = make_version(pixels, jpeg, jpeg_quality, jpeg_data)
            yield Row(name, pixels, version, other, size_at_psnr(jpeg, pixels, version.scores.psnr) / len(data))


def size_at_psnr(codec: Codec, pixels: Pixels, wanted: float) -> int:
    """The bytes of a codec's smallest file with this PSNR, or of its largest file."""
    settings = codec.grid[:-1]
    found = bisect_left(settings, wanted, key=lambda s: psnr(pixels, codec.decode(codec.encode(pixels, s))))
    return len(codec.encode(pixels, codec.grid[found]))


def of_size(codec: Codec, pixels: Pixels, size: int) -> tuple[float, bytes]:
    """The setting of a codec whose file is nearest in size, and the file."""
    setting, below = largest_within(partial(codec.encode, pixels), codec.grid, size)
    after = codec.grid[min(codec.grid.index(setting) + 1, len(codec.grid) - 1)]
    above = codec.encode(pixels, after)
    return (after, above) if abs(len(above) - size) < abs(len(below) - size) else (setting, below)
