"""Tiles with halos, for transforming large pictures without seams in bounded memory."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

# Latents per tile, without halo, up to half as many more in each direction. Larger tiles have smaller halos, but need
# more memory. That is why they are narrower where a latent has more samples. Whole rows wait between steps: that is why
# wide pictures are cut into lower strips, and so into lower tiles.
TILE_ROWS = 32
TILE_COLUMNS = 64
TILE_SAMPLES = 24 * 4**2  # of a channel in a row of latents, at most
STRIP_LATENTS = 256 * TILE_ROWS  # at most, unless there are less than 16 rows

Interval = tuple[int, int]  # the first row or column, and the one after the last


class Span(NamedTuple):
    """A part of an axis and its halo, counted in latents of the whole picture."""

    start: int
    stop: int
    outer_start: int
    outer_stop: int

    def within(self, origin: int, scale: int = 1) -> slice:
        """The part, counted from `origin`, with `scale` samples per latent."""
        return slice((self.start - origin) * scale, (self.stop - origin) * scale)

    def outer(self, origin: int = 0, scale: int = 1) -> slice:
        """The part and its halo, likewise."""
        return slice((self.outer_start - origin) * scale, (self.outer_stop - origin) * scale)


class Tile(NamedTuple):
    """A rectangle of latents, and its halo."""

    rows: Span
    columns: Span

    @property
    def origin(self) -> tuple[int, int]:
        """The row and column where the halo begins."""
        return self.rows.outer_start, self.columns.outer_start

    def outer(self, origin: tuple[int, int] = (0, 0), scale: int = 1) -> tuple[slice, slice, slice]:
        """The tile and its halo in an array (channels x rows x columns) that begins at `origin`."""
        return slice(None), self.rows.outer(origin[0], scale), self.columns.outer(origin[1], scale)

    def inner(self, origin: tuple[int, int] = (0, 0), scale: int = 1) -> tuple[slice, slice, slice]:
        """The tile in an array (channels x rows x columns) that begins at `origin`."""
        return slice(None), self.rows.within(origin[0], scale), self.columns.within(origin[1], scale)

    def inner_of_outer(self, scale: int = 1) -> tuple[slice, slice, slice]:
        """The tile in an array of itself and its halo."""
        return self.inner(self.origin, scale)


def grown(interval: Interval, around: int, limit: int) -> Interval:
    """An interval and its surroundings, as far as the picture goes.

    >>> grown((2, 4), 3, 6)
    (0, 6)
    """
    return max(0, interval[0] - around), min(limit, interval[1] + around)


def divided(interval: Interval, step: int, even: bool = False) -> list[Interval]:
    """Equal parts of about `step`: one, or any number, or an even one.

    >>> divided((0, 14), 10), divided((1, 17), 10)
    ([(0, 14)], [(1, 9), (9, 17)])
    """
    start, size = interval[0], interval[1] - interval[0]
    count = max(1, round(size / step))
    if even and count > 1:
        count += count % 2
    ends = [start + size * i // count for i in range(count + 1)]
    return [*pairwise(ends)]


def strips(rows: Interval, columns: int = 0) -> list[Interval]:
    """Rows in strips as high as tiles, or lower where a picture has many columns.

    >>> strips((0, 64), 256), strips((0, 64), 768)
    ([(0, 32), (32, 64)], [(0, 16), (16, 32), (32, 48), (48, 64)])
    """
    return divided(rows, max(TILE_ROWS // 2, STRIP_LATENTS // columns) if are_low(columns) else TILE_ROWS)


def are_low(columns: int) -> bool:
    """Whether a picture has so many columns that its strips are lower than tiles."""
    return columns * TILE_ROWS > STRIP_LATENTS


def tiles(rows: Interval, columns: Interval, around: int, limits: tuple[int, int], samples: int = 1) -> Iterator[Tile]:
    """Tiles that cover these latents of a picture with `limits` rows and columns of them, each as high as the rows.

    `samples` are those of a latent, in each direction, in the largest arrays of what is done for a tile. Halos end at
    the picture's border, where the network pads with zeros. All tiles are about equally wide, with their halos, too:
    the same memory serves one after the other. Their number, if not one, is even: two cores finish together, while the
    layout, on which the last digits depend, is the same for all numbers of cores.

    >>> [(tile.columns.start, tile.columns.outer()) for tile in tiles((0, 32), (0, 128), 2, (32, 128))]
    [(0, slice(0, 68, None)), (64, slice(60, 128, None))]
    """
    row = Span(*rows, *grown(rows, around, limits[0]))
    first, last = grown(columns, around, limits[1])
    parts = divided(columns, min(TILE_COLUMNS, TILE_SAMPLES // samples**2), even=True)
    width = max(stop - start for start, stop in parts) + 2 * around
    for start, stop in parts:
        left = max(first, min(start - around, last - width))
        yield Tile(row, Span(start, stop, left, min(left + width, last)))
