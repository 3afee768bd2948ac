"""Pixels without loss, as a WebP file: for drawings and screenshots, which networks represent badly."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features
from PIL.WebPImagePlugin import WebPImageFile

from lic.codec.errors import Corrupt

Pixels = NDArray[np.uint8]  # H x W x 3

MAX_SIDE = 2**14 - 1  # of WebP
HEADER = 25  # bytes of a WebP file until the end of its size
EXHAUSTIVE_PIXELS = 2**22  # up to which the slowest search for a small file takes seconds
SAMPLED_ROWS = 256
FLAT = 0.4  # fraction of pixels that equal their neighbour; below 0.25 in all of Kodak's and our validation pictures
PIXELS_PER_COLOUR = 32  # at least; flat blocks of photographs in small JPEG files have more colours
FEW_COLOURS = 32


def looks_drawn(pixels: Pixels) -> bool:
    """Whether a picture is plainly no photograph: many pixels equal their neighbours, or there are few colours.

    >>> ramp = np.arange(256, dtype=np.uint8)
    >>> looks_drawn(np.stack([ramp[None].repeat(9, 0)] * 3, 2)), looks_drawn(np.full((9, 9, 3), 7, np.uint8))
    (False, True)
    """
    rows = pixels[:: max(1, len(pixels) // SAMPLED_ROWS)]
    numbers = rows.astype(np.uint32) @ np.array([2**16, 2**8, 1], np.uint32)
    colours = len(np.unique(numbers))
    if colours <= min(FEW_COLOURS, numbers.size - 1):
        return True
    flat = (numbers[:, 1:] == numbers[:, :-1]).sum() / numbers.size
    return bool(flat > FLAT and colours < numbers.size / PIXELS_PER_COLOUR)


def pack_lossless(pixels: Pixels) -> bytes | None:
    """A WebP file without loss; None for pictures that WebP is too small for, and for a Pillow without WebP."""
    if max(pixels.shape) > MAX_SIDE or not features.check("webp"):
        return None
    search = {"method": 6, "quality": 100} if pixels[..., 0].size <= EXHAUSTIVE_PIXELS else {"method": 4}
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", lossless=True, **search)
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
    try:
        with WebPImageFile(io.BytesIO(payload)) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise Corrupt(f"the file's pixels do not decode ({error}): get a fresh copy of it") from error
