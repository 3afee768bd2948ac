"""Tiles with halos, for transforming large pictures without seams in bounded memory."""

from collections.abc import Iterator
from typing import NamedTuple

# Latents per tile, without halo: 512 x 1024 pixels. Smaller pictures are one tile; tiles four times as large take
# twice as long for the same picture, because activations no longer fit into the processor's caches.
TILE_ROWS = 32
TILE_COLUMNS = 64


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


def spans(start: int, stop: int, step: int, around: int, limit: int) -> Iterator[Span]:
    """From start to stop in steps; halos end at the picture's border, `limit`, where the network pads with zeros.

    >>> list(spans(0, 5, 3, 2, 6))
    [Span(start=0, stop=3, outer_start=0, outer_stop=5), Span(start=3, stop=5, outer_start=1, outer_stop=6)]
    """
    for first in range(start, stop, step):
        last = min(first + step, stop)
        yield Span(first, last, max(0, first - around), min(limit, last + around))


def tiles(rows: tuple[int, int], columns: tuple[int, int], around: int, limits: tuple[int, int]) -> Iterator[Tile]:
    """Tiles that cover these latents of a picture with `limits` rows and columns of them."""
    for row in spans(*rows, TILE_ROWS, around, limits[0]):
        for column in spans(*columns, TILE_COLUMNS, around, limits[1]):
            yield Tile(row, column)
