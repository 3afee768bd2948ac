"""Lossless pixels, as a WebP file: for drawings and screenshots, which networks represent badly."""

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from lic.codec.errors import Corrupt
from lic.codec.picture.pixels import Pixels

MAX_WEBP_SIDE = 2**14 - 1  # of WebP
FAST = {"method": 4, "quality": 90}
SLOW = {"method": 6, "quality": 100}  # takes ten times as long; photographs gain some 2 %, some drawings become larger
THOROUGH = 2**20  # pixels, up to which flat pictures are compressed in both ways
SAMPLED_ROWS = 256
ROWS_PER_COLUMN = 4  # columns are sampled so many times more densely
FLAT = 0.4  # fraction of pixels that equal their neighbour; below 0.25 in all of Kodak's and our validation pictures
PIXELS_PER_COLOUR = 32  # at least; flat blocks of photographs in small JPEG files have more colours
FEW_COLOURS = 32


def is_flat(pixels: Pixels) -> bool:
    """Whether many pixels equal their neighbours, or there are few colours: a lossless file may be small.

    >>> ramp = np.arange(256, dtype=np.uint8)
    >>> is_flat(np.stack([ramp[None].repeat(9, 0)] * 3, 2)), is_flat(np.full((9, 9, 3), 7, np.uint8))
    (False, True)
    """
    numbers = _numbers(pixels)
    return _of_few_colours(numbers) or bool((numbers[:, 1:] == numbers[:, :-1]).sum() > FLAT * numbers.size)


def looks_drawn(pixels: Pixels) -> bool:
    """Whether a flat picture is plainly a drawing: it has few colours, other than photographs of things on white.

    >>> looks_drawn(np.full((9, 9, 3), 7, np.uint8))
    True
    """
    numbers = _numbers(pixels)
    return _of_few_colours(numbers) or len(np.unique(numbers)) < numbers.size / PIXELS_PER_COLOUR


def _numbers(pixels: Pixels) -> NDArray[np.uint32]:
    """A number for the colour of each pixel, in some of the rows, and of a large picture in some of the columns.

    For the closer samples are together, the more neighbours are equal in a photograph, too.
    """
    step = max(1, len(pixels) // SAMPLED_ROWS)
    sampled = pixels[::step, :: max(1, step // ROWS_PER_COLUMN)]
    return sampled.astype(np.uint32) @ np.array([2**16, 2**8, 1], np.uint32)


def _of_few_colours(numbers: NDArray[np.uint32]) -> bool:
    most = min(FEW_COLOURS, numbers.size - 1)
    return len(np.unique(numbers[0])) <= most and len(np.unique(numbers)) <= most  # mostly, one row tells


def pack_webp(pixels: Pixels) -> bytes | None:
    """A lossless WebP file; None for pictures that WebP is too small for, and for a Pillow without WebP."""
    if max(pixels.shape) > MAX_WEBP_SIDE or not features.check("webp"):
        return None
    image = Image.fromarray(pixels)
    searches = [FAST, SLOW] if image.width * image.height <= THOROUGH and is_flat(pixels) else [FAST]
    return min((_webp(image, search) for search in searches), key=len)


def _webp(image: Image.Image, search: dict[str, int]) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", lossless=True, **search)
    return out.getvalue()


def unpack_webp(payload: bytes, size: tuple[int, int]) -> Image.Image:
    """The picture in `pack_webp`'s bytes, RGB, which must be of this size.

    >>> pixels = np.array([[[1, 2, 3], [250, 0, 7]]], np.uint8)
    >>> np.asarray(unpack_webp(pack_webp(pixels), (2, 1))).tolist()
    [[[1, 2, 3], [250, 0, 7]]]
    """
    _check_webp(payload, size)
    from PIL.WebPImagePlugin import WebPImageFile  # not at the top: photographs do not need it

    try:
        with WebPImageFile(io.BytesIO(payload)) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise Corrupt(f"the file's pixels do not decode ({error}): get a fresh copy of it") from error


def _check_webp(payload: bytes, size: tuple[int, int]) -> None:
    """Refuse a WebP file that is not just a lossless picture of this size, so that all decoders show the same.

    Other chunks (profiles, animations) or an alpha plane, which some apply and others do not, have no place in it. The
    size is compared before the decoder allocates what the file asks for.
    """
    width, height = size
    content = int.from_bytes(payload[16:20], "little")
    start = struct.pack("<4sI4s4sI", b"RIFF", (len(payload) - 8) % 2**32, b"WEBP", b"VP8L", content)
    whole = len(payload) == len(start) + content + content % 2
    sides = width - 1 | (height - 1) << 14  # then a bit for alpha, and three of the version: all 0
    if not whole or max(size) > MAX_WEBP_SIDE or not payload.startswith(start + b"/" + struct.pack("<I", sides)):
        raise Corrupt(f"the file's pixels are no lossless WebP file of {width} x {height}: get a fresh copy of it")
