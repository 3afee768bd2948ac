"""What is tried with damaged files: a target for each way into the library.

A target returns the outcome in a word. It raises one of our errors, or else it has found something.
"""

import io
import json
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from lic import BadModel, LicError, decode, read_info
from lic.codec.file.container import METADATA, NOTES, STORED, Section, build, parse
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FREE, digest
from lic.codec.model.header import CARD
from lic.codec.model.loader import load_model
from lic.codec.model.tensor_file import read_arrays, to_bytes
from lic.codec.picture.reading import read_image
from lic.tools.batch.jobs import Job
from lic.tools.batch.picture_files import decode_bytes

MAX_PIXELS = 20_000  # two chunks of one column still fit
KINDS = (".png", ".jpg", ".tif", ".webp")

Target = Callable[[bytes], str]


def outcome(target: Target, data: bytes) -> str:
    """The name of our error, or what the target returns."""
    try:
        return target(data)
    except LicError as error:
        assert str(error) and "\n" not in str(error)
        return type(error).__name__


def whole_picture(data: bytes) -> str:
    picture, info = decode(data, max_pixels=MAX_PIXELS), read_info(data)
    assert (picture.size, picture.mode) == (info.size, info.mode)
    return "decoded"


def region(data: bytes) -> str:
    width, height = read_info(data).size
    part = (width // 3, height // 3, width // 3 + 1, height // 3 + 1)
    assert decode(data, region=part, max_pixels=MAX_PIXELS).size == (1, 1)
    return "decoded"


def reduced(data: bytes) -> str:
    width, height = read_info(data).size
    factor = (2, 4, 8)[len(data) % 3]
    picture = decode(data, reduce=factor, max_pixels=MAX_PIXELS)
    assert picture.size == (-(-width // factor), -(-height // factor))
    return "decoded"


def info(data: bytes) -> str:
    found = read_info(data)
    assert math.isfinite(found.bits_per_pixel) and found.bytes == len(data)
    assert build(parse(data)) == data
    return "read"


def plugin(data: bytes) -> str:
    """Pillow's open, and then verify or load."""
    try:
        with Image.open(io.BytesIO(data), formats=["LIC"]) as image:
            if len(data) % 3 == 0:
                image.verify()
            elif max(image.size) <= MAX_PIXELS:
                image.load()
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        return type(error).__name__
    except OSError as error:
        assert isinstance(error.__cause__, LicError)
        return f"OSError, {type(error.__cause__).__name__}"
    return "loaded"


def metadata(data: bytes) -> str:
    """Only the metadata of a file, on the way into files of other formats: the picture must arrive."""
    file = parse(data)
    kept = [section for section in file.sections if section.tag in (*METADATA.values(), *NOTES.values())]
    pixel = replace(file, width=1, height=1, mode="RGB", latents=b"", sections=(*kept, Section(STORED, b"rgb")))
    kind = KINDS[len(data) % len(KINDS)]
    with Image.open(io.BytesIO(decode_bytes(build(pixel), Job("x.lic", f"x{kind}")).data)) as image:
        assert image.size == (1, 1)
    return kind


@cache
def scratch() -> Path:
    """A file for models, which are read from files."""
    return Path(tempfile.mkdtemp(), "model.safetensors")


def model(data: bytes) -> str:
    """A model file: it loads, and then every stream of its coder decodes or is refused."""
    scratch().write_bytes(data)
    file = find_model(scratch())
    found = load_model(file.path, file.card)
    for position in {0, found.last_position // 2, found.last_position}:
        coder = found.at(position).coder
        symbols = coder.decode(data[-20:], (found.channels, 3, 2)) if found.channels < 100 else None
        if symbols is not None:
            assert np.isfinite(coder.bits(symbols)).all()
    return "loaded"


def picture(data: bytes) -> str:
    """A picture file, to be encoded."""
    try:
        pixels = read_image(io.BytesIO(data)).pixels
    except (OSError, Image.DecompressionBombError) as error:
        return type(error).__name__
    assert pixels.dtype == np.uint8 and pixels.shape[2:] == (3,)
    return "read"


TARGETS: Mapping[str, Target] = {
    "decode": whole_picture,
    "region": region,
    "reduced": reduced,
    "info": info,
    "plugin": plugin,
    "metadata": metadata,
    "model": model,
    "picture": picture,
}


def with_digests(data: bytes) -> bytes:
    """A model file whose card has the digests of what it holds; as it is, if it cannot be read."""
    scratch().write_bytes(data)
    try:
        arrays = read_arrays(scratch())
        length = int.from_bytes(data[:8], "little")
        card = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][CARD])
        decoding = {name: array for name, array in arrays.items() if not name.startswith(FREE)}
        made = {"fingerprint": digest(decoding)[:4].hex(), "sha256": digest(arrays).hex()}
        return to_bytes(arrays, {CARD: json.dumps(card | made)})
    except (BadModel, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return data
