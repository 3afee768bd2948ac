"""Large pictures, transformed tile by tile with halos: the same result without seams, at bounded memory."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import nn

from lic.codec.file.geometry import MULTIPLE
from lic.models.transforms import Analysis, SubPixelConv, Synthesis

# Latents per tile, without halo: 512 x 1024 pixels. Smaller pictures are one tile; tiles four times as large take
# twice as long for the same picture, since what the layers hand on to one another leaves the processor's caches.
TILE_ROWS = 32
TILE_COLUMNS = 64


class Span(NamedTuple):
    """A part of an axis, and what is transformed around it; the borders count latents of the whole picture."""

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
    rows: Span
    columns: Span


def halo(transform: Analysis | Synthesis) -> int:
    """How many latents around one have a say in it (`Analysis`), or in its pixels (`Synthesis`).

    >>> halo(Analysis(2, 2)), halo(Synthesis(2, 2))
    (2, 2)
    """
    scale = 1 if isinstance(transform, Analysis) else MULTIPLE  # pixels per sample
    reach = 0
    for layer in transform:
        if isinstance(layer, nn.Conv2d):
            reach += layer.kernel_size[0] // 2 * scale
            scale = scale // layer.r if isinstance(layer, SubPixelConv) else scale * layer.stride[0]
    return -(-reach // MULTIPLE)


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
