"""Transparency: lossless, as a PNG of one grey plane; and fill colours for hidden pixels."""

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lic.codec.errors import Corrupt
from lic.codec.file.geometry import Region

Plane = NDArray[np.uint8]  # H x W; 0 is fully transparent
Sums = NDArray[np.floating]

OPAQUE = 255
MID_LEVEL = 128
FILL_BLOCK = 8  # hidden pixels are filled at this resolution
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_FILTERS = 5  # ways to predict a row


def pack_alpha(alpha: Plane) -> bytes:
    """The payload of the alpha section; empty if every pixel is opaque."""
    if (alpha == OPAQUE).all():
        return b""
    out = io.BytesIO()
    Image.fromarray(alpha).save(out, "PNG", optimize=True)
    return out.getvalue()


def unpack_alpha(payload: bytes, size: tuple[int, int], region: Region) -> Image.Image:
    """A region of the plane behind `pack_alpha`'s bytes, which must be of this size.

    >>> alpha = np.array([[0, 7, 255]], np.uint8)
    >>> np.array(unpack_alpha(pack_alpha(alpha), (3, 1), (1, 0, 3, 1)))
    array([[  7, 255]], dtype=uint8)
    """
    left, top, right, bottom = region
    if not payload:
        return Image.new("L", (right - left, bottom - top), OPAQUE)
    _check_png(payload, size)
    from PIL.PngImagePlugin import PngImageFile  # not at the top: most pictures have no alpha

    try:
        # Not Image.open, which has its own size limit: here the size was compared with the file's header.
        with PngImageFile(io.BytesIO(payload)) as plane:
            return plane.crop(region)
    except (OSError, SyntaxError, ValueError) as error:
        raise Corrupt(f"the file's alpha does not decode ({error}): get a fresh copy of it") from error


def _check_png(payload: bytes, size: tuple[int, int]) -> None:
    """Refuse a PNG file that is not just a grey plane of this size, so that all decoders show the same.

    A colour profile, gamma or a transparent grey level, which some apply and others do not, has no place in it, and
    neither has anything that takes time to unpack.
    """
    width, height = size
    start = PNG_SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    if not payload.startswith(start):
        raise Corrupt(f"the file's alpha is no grey PNG file of {width} x {height}: get a fresh copy of it")
    at, pieces = len(start), []
    while payload[at + 4 : at + 8] == b"IDAT":
        end = at + 8 + int.from_bytes(payload[at : at + 4], "big")
        pieces.append(payload[at + 8 : end])
        at = end + 4
    if payload != b"".join([start, *(_chunk(b"IDAT", piece) for piece in pieces), _chunk(b"IEND", b"")]):
        raise Corrupt("the file's alpha is damaged, or has more in it than pixels: get a fresh copy of it")
    packed, unpacked = zlib.decompressobj(), height * (1 + width)
    try:
        rows = packed.decompress(b"".join(pieces), unpacked + 1)
    except zlib.error as error:
        raise Corrupt(f"the file's alpha does not decode ({error}): get a fresh copy of it") from error
    whole = len(rows) == unpacked and packed.eof and not packed.unused_data
    if not (whole and max(rows[:: 1 + width]) < PNG_FILTERS):
        raise Corrupt("the file's alpha does not decode to its pixels: get a fresh copy of it")


def _chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def fill_hidden(pixels: Plane, alpha: Plane) -> Plane:
    """Fill hidden pixels by a smooth continuation of the visible colours (H x W x 3), which costs few bits."""
    visible = alpha > 0
    if visible.all():
        return pixels
    if not visible.any():
        return np.full_like(pixels, MID_LEVEL)
    filled = _fill(*_block_sums(pixels * visible[:, :, None], visible))
    small = Image.fromarray(np.round(filled).astype(np.uint8))
    height, width = alpha.shape
    size = (small.width * FILL_BLOCK, small.height * FILL_BLOCK)
    smooth = np.asarray(small.resize(size, Image.Resampling.BILINEAR))[:height, :width]
    return np.where(visible[:, :, None], pixels, smooth)


def _block_sums(colours: Plane, visible: NDArray[np.bool_]) -> tuple[Sums, Sums]:
    """Sums of visible colours, and the numbers of visible pixels, in blocks of FILL_BLOCK x FILL_BLOCK."""
    height, width = visible.shape
    rows, columns = np.arange(0, height, FILL_BLOCK), np.arange(0, width, FILL_BLOCK)

    def sums(values: Plane | NDArray[np.bool_]) -> Sums:
        narrow = np.add.reduceat(values, columns, axis=1, dtype=np.float32)
        return np.add.reduceat(narrow, rows, axis=0)

    return sums(colours), sums(visible)[:, :, None]


def _fill(sums: Sums, counts: Sums) -> Sums:
    """Block means where pixels are visible, elsewhere means over increasingly large neighbourhoods."""
    rows, columns = counts.shape[:2]
    if rows == columns == 1 or (counts > 0).all():
        return sums / np.maximum(counts, 1)
    # Recursively: blocks without a visible pixel take the mean of the block of twice the size around them.
    even = ((0, rows % 2), (0, columns % 2), (0, 0))
    wide, wide_counts = (_halve(np.pad(a, even)) for a in (sums, counts))
    around = _fill(wide, wide_counts).repeat(2, axis=0).repeat(2, axis=1)[:rows, :columns]
    return np.where(counts > 0, sums / np.maximum(counts, 1), around)


def _halve(a: Sums) -> Sums:
    return a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]
