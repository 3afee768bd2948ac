"""Sizes and regions, in pixels and in latents, as far as a file's header determines them. Without numpy or torch."""

import warnings

from PIL import Image

from lic.codec.errors import BadSetting, TooLarge
from lic.models.architecture import PREVIEW
from lic.models.constants import DOWNSAMPLING

Region = tuple[int, int, int, int]  # left, top, right, bottom, in pixels
REDUCTIONS = (1, 2, 4, 8)  # of a picture's sides

CHUNK_ROWS = 64  # rows of latents that share a stream: 1024 rows of pixels


def latent_size(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of the latents of a picture."""
    return -(-height // DOWNSAMPLING), -(-width // DOWNSAMPLING)


def chunks_under(region: Region, size: tuple[int, int], reach: int) -> range:
    """The chunks of latents that a region's pixels depend on, given the reach of the synthesis in latents.

    >>> chunks_under((0, 0, 10, 990), (5000, 5000), 2), chunks_under((0, 1500, 10, 2020), (5000, 5000), 2)
    (range(0, 1), range(1, 3))
    """
    _, top, _, bottom = region
    first_row = max(0, top // DOWNSAMPLING - reach)
    last_row = min(-(-bottom // DOWNSAMPLING) + reach, latent_size(*size)[0])
    return range(first_row // CHUNK_ROWS, -(-last_row // CHUNK_ROWS))


def check_region(region: Region, size: tuple[int, int]) -> None:
    """Refuse a region that is not inside the picture."""
    x0, y0, x1, y1 = region
    if not (0 <= x0 < x1 <= size[0] and 0 <= y0 < y1 <= size[1]):
        raise BadSetting(
            f"region {x0},{y0},{x1},{y1} is not in the picture: give left, top, right and bottom, "
            f"from 0,0 to {size[0]},{size[1]}"
        )


def check_reduction(reduce: int, region: Region) -> None:
    """Refuse other reductions than 1, 2, 4 and 8, and regions that do not begin at a multiple of the reduction."""
    if reduce not in REDUCTIONS:
        raise BadSetting(f"`reduce` is {reduce!r}: give one of {', '.join(map(str, REDUCTIONS))}")
    if region[0] % reduce or region[1] % reduce:
        raise BadSetting(
            f"region {','.join(map(str, region))} of a reduced picture has to begin at multiples of {reduce}: "
            f"begin at {region[0] // reduce * reduce},{region[1] // reduce * reduce}"
        )


def previewed(size: tuple[int, int], region: Region, reduce: int) -> tuple[tuple[int, int], Region, int]:
    """A picture's size, a region of it and a reduction, in pixels of its preview.

    >>> previewed((203, 149), (0, 16, 203, 149), 8)
    ((51, 38), (0, 4, 51, 38), 2)
    """
    left, top, right, bottom = region
    width, height, right, bottom = (-(-side // PREVIEW) for side in (*size, right, bottom))
    return (width, height), (left // PREVIEW, top // PREVIEW, right, bottom), reduce // PREVIEW


def chunk_pixels(region: Region, size: tuple[int, int], reach: int) -> int:
    """The pixels of all chunks that have to be decoded for a region (see `chunks_under`), padding included."""
    chunks = chunks_under(region, size, reach)
    rows, columns = latent_size(*size)
    return (min(rows, chunks.stop * CHUNK_ROWS) - chunks.start * CHUNK_ROWS) * columns * DOWNSAMPLING**2


def check_cost(pixels: int, size: tuple[int, int], max_pixels: float | None) -> None:
    """Refuse a picture that takes more pixels to decode than is allowed, before anything is allocated for it.

    Without `max_pixels` Pillow's limit applies as in Pillow: a warning above PIL.Image.MAX_IMAGE_PIXELS, an error above
    twice that.
    """
    soft = max_pixels if max_pixels is not None else Image.MAX_IMAGE_PIXELS
    if soft is None or pixels <= soft:
        return
    limit = soft if max_pixels is not None else 2 * soft
    claim = f"the file declares a picture of {size[0]} x {size[1]}, which takes {pixels:,} pixels to decode"
    if pixels > limit:
        raise TooLarge(
            f"{claim}, beyond the limit of {limit:,}: if you trust it, raise `max_pixels`, or decode a part of it"
        )
    warnings.warn(
        f"{claim}, more than {soft:,}: it may be made to exhaust memory", Image.DecompressionBombWarning, stacklevel=3
    )
