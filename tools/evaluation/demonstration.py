"""Sample pictures as .lic files of several qualities, each beside the JPEG file nearest in size."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from lic.tools.evaluation.codecs import LIC, Codec, Pixels, get_codec, largest_within
from lic.tools.evaluation.versions import Version, make_version
from lic.tools.files import png, write_whole

SAMPLES = Path(__file__).parent / "samples"  # without loss; their licences are in datasets.md
QUALITIES = (10.0, 30.0, 50.0, 70.0)


def demonstrate(folder: Path, model: str | None) -> Iterator[tuple[str, Version, Version]]:
    """Name, lic's version and JPEG's version of each picture and quality.

    They are written as NAME.png, and for each quality Q NAME-qQ.lic, NAME-qQ.png (what that decodes to), NAME-qQ.jpg.
    """
    ours, jpeg = get_codec(LIC, model), get_codec("jpeg")
    for path in sorted(SAMPLES.glob("*.webp")):
        name, pixels = path.stem, np.array(Image.open(path))
        write_whole(folder / f"{name}.png", png(pixels))
        for quality in QUALITIES:
            data = ours.encode(pixels, quality)
            version = make_version(pixels, ours, quality, data)
            jpeg_quality, jpeg_data = of_size(jpeg, pixels, len(data))
            write_whole(folder / f"{name}-q{quality:g}.lic", data)
            write_whole(folder / f"{name}-q{quality:g}.png", png(version.pixels))
            write_whole(folder / f"{name}-q{quality:g}.jpg", jpeg_data)
            yield name, version, make_version(pixels, jpeg, jpeg_quality, jpeg_data)


def of_size(codec: Codec, pixels: Pixels, size: int) -> tuple[float, bytes]:
    """The setting of a codec whose file is nearest in size, and the file."""
    setting, below = largest_within(partial(codec.encode, pixels), codec.grid, size)
    after = codec.grid[min(codec.grid.index(setting) + 1, len(codec.grid) - 1)]
    above = codec.encode(pixels, after)
    return (after, above) if abs(len(above) - size) < abs(len(below) - size) else (setting, below)
