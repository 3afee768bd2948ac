"""Pixels without loss, as a WebP file: for drawings and screenshots, which networks represent badly."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from lic.codec.errors import Corrupt

Pixels = NDArray[np.uint8]  # H x W x 3

MAX_SIDE = 2**14 - 1  # of WebP
HEADER = 25  # bytes of a WebP file until the end of its size
SEARCH = {"method": 4, "quality": 90}  # slower ones take ten times as long, and some drawings become larger
SAMPLED_ROWS = 256
ROWS_PER_COLUMN = 4  # columns are sampled so many times more densely
FLAT = 0.4  # fraction of pixels that equal their neighbour; below 0.25 in all of Kodak's and our validation pictures
PIXELS_PER_COLOUR = 32  # at least; flat blocks of photographs in small JPEG files have more colours
FEW_COLOURS = 32


def is_flat(pixels: Pixels) -> bool:
    """Whether many pixels equal their neighbours, or there are few colours: a file without loss may be small.

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


def pack_lossless(pixels: Pixels) -> bytes | None:
    """A WebP file without loss; None for pictures that WebP is too small for, and for a Pillow without WebP."""
    if max(pixels.shape) > MAX_SIDE or not features.check("webp"):
        return None
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", lossless=True, **SEARCH)
    return out.getvalue()


def unpack_lossless(payload: bytes, size: tuple[int, int]) -> Image.Image:
    """The picture in `pack_lossless`'s bytes, RGB, which must be of this size.

    >>> pixels = np.array([[[1, 2, 3], [250, 0, 7]]], np.uint8)
    >>> np.asarray(unpack_lossless(pack_lossless(pixels), (2, 1))).tolist()
    [[[1, 2, 3], [250, 0, 7]]]
    """
    # Pillow's decoder allocates what the header asks for, so it is compared with the .lic file's before.
    header = int.from_bytes(payload[21:HEADER], "little")
    found = header % 2**14 + 1, (header >> 14) % 2**14 + 1
    if payload[:4] != b"RIFF" or payload[8:16] != b"WEBPVP8L" or payload[20:21] != b"/" or found != size:
        raise Corrupt(f"the file's pixels are no lossless WebP file of {size[0]} x {size[1]}: get a fresh copy of it")
    from PIL.WebPImagePlugin import WebPImageFile  # not at the top: photographs do not need it

    try:
        with WebPImageFile(io.BytesIO(payload)) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise Corrupt(f"the file's pixels do not decode ({error}): get a fresh copy of it") from error
