"""Transparency: kept without loss, as a PNG of one grey plane; and fill colours for hidden pixels."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lic.codec.errors import Corrupt
from lic.codec.file.geometry import Region

Plane = NDArray[np.uint8]  # H x W; 0 is fully transparent
Floats = NDArray[np.floating]

OPAQUE = 255
MID_GREY = 128
BLOCK = 8  # hidden pixels are filled at this resolution


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
    from PIL.PngImagePlugin import PngImageFile  # not at the top: most pictures have no alpha

    try:
        # Not Image.open, which has its own size limit: here the size is compared with the file's header.
        with PngImageFile(io.BytesIO(payload)) as plane:
            if plane.mode != "L" or plane.size != size:
                raise Corrupt(f"the file's alpha is a {plane.mode} picture of {plane.width} x {plane.height}")
            return plane.crop(region)
    except (OSError, SyntaxError, ValueError) as error:
        raise Corrupt(f"the file's alpha does not decode ({error}): get a fresh copy of it") from error


def fill_hidden(pixels: Plane, alpha: Plane) -> Plane:
    """Fill hidden pixels by a smooth continuation of the visible colours (H x W x 3), which costs few bits."""
    visible = alpha > 0
    if visible.all():
        return pixels
    if not visible.any():
        return np.full_like(pixels, MID_GREY)
    filled = _fill(*_block_sums(pixels * visible[:, :, None], visible))
    small = Image.fromarray(np.round(filled).astype(np.uint8))
    height, width = alpha.shape
    size = (small.width * BLOCK, small.height * BLOCK)
    smooth = np.asarray(small.resize(size, Image.Resampling.BILINEAR))[:height, :width]
    return np.where(visible[:, :, None], pixels, smooth)


def _block_sums(colours: Plane, visible: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Sums of visible colours, and the numbers of visible pixels, in blocks of BLOCK x BLOCK."""
    height, width = visible.shape
    rows, columns = np.arange(0, height, BLOCK), np.arange(0, width, BLOCK)

    def sums(values: Plane | NDArray[np.bool_]) -> Floats:
        narrow = np.add.reduceat(values, columns, axis=1, dtype=np.float32)
        return np.add.reduceat(narrow, rows, axis=0)

    return sums(colours), sums(visible)[:, :, None]


def _fill(sums: Floats, counts: Floats) -> Floats:
    """Block means where pixels are visible, elsewhere means over increasingly large neighbourhoods."""
    rows, columns = counts.shape[:2]
    if rows == columns == 1 or (counts > 0).all():
        return sums / np.maximum(counts, 1)
    even = ((0, rows % 2), (0, columns % 2), (0, 0))
    wide, wide_counts = (_halve(np.pad(a, even)) for a in (sums, counts))
    around = _fill(wide, wide_counts).repeat(2, axis=0).repeat(2, axis=1)[:rows, :columns]
    return np.where(counts > 0, sums / np.maximum(counts, 1), around)


def _halve(a: Floats) -> Floats:
    return a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]
