"""The squared error of a picture as a function of its symbols: its value, slopes and curvature, in bits."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import OperatingPoint, Symbols
from lic.codec.picture.pixels import Pixels
from lic.codec.transform.engine import Floats
from lic.codec.transform.engines import engine_of
from lic.codec.transform.restoration import phases, restore, restore_linearised
from lic.codec.transform.tiles import strips, tiles
from lic.models.constants import DOWNSAMPLING, PEAK, PHASES

LEAST_CURVATURE = 0.5  # relative to the channels' mean: the estimate for one channel is noisy
PROBES = 2  # random pictures that curvatures are estimated from


class Part(NamedTuple):
    """A tile of the picture, with all the symbols that its pixels depend on and the pixels of those symbols' blocks."""

    symbols: Symbols
    origin: tuple[int, int]  # the row and column in the picture where they begin
    pixels: Floats  # height x width x 3, in 0..1; without the padding
    inner: tuple[slice, slice, slice]  # the tile within `symbols`
    place: tuple[slice, slice, slice]  # the tile within the requested rows

    def inside(self, picture: Floats) -> Floats:
        """A picture, with 0 in the padding."""
        height, width = self.pixels.shape[:2]
        return np.pad(picture[:height, :width], ((0, picture.shape[0] - height), (0, picture.shape[1] - width), (0, 0)))

    def difference(self, picture: Floats) -> Floats:
        """A picture minus this part's pixels; 0 in the padding."""
        height, width = self.pixels.shape[:2]
        difference = np.zeros_like(picture)
        np.subtract(picture[:height, :width], self.pixels, out=difference[:height, :width])
        return difference


class Distortion:
    """lambda 255^2 * (sum of squared errors) / 3 of a picture, in bits, as a function of its symbols."""

    def __init__(self, symbols: Symbols, pixels: Pixels, model: FrozenModel, point: OperatingPoint) -> None:
        self.symbols, self.pixels, self.point = symbols, pixels, point
        self.engine = engine_of(model)
        # As far as the pixels of a tile depend on symbols. Slopes at its edges count pixels as far outside, too, whose
        # errors are known only roughly there: twice the halo would be exact, and take twice the time and memory.
        self.around = model.architecture.decoding_reach
        self.unit = point.inverse_gain.astype(np.float32)[:, None, None]  # of latents, per symbol
        self.weight = np.float32(point.lambda_ * PEAK**2 / 3)

    def by_block(self, rows: slice) -> Floats:
        """The distortion in each block of pixels under some rows of symbols."""
        blocks = np.empty_like(self.symbols[0, rows], np.float32)
        for part in self._parts(rows):
            picture = self.engine.synthesise(restore(part.symbols, self.engine, self.point, part.origin))
            blocks[part.place[1:]] = self._blocks(part, np.clip(picture, 0, 1))[part.inner[1:]]
        return blocks

    def slope(self, rows: slice) -> tuple[Floats, Floats]:
        """The derivative by each of the symbols in some rows, and the distortion in each block of pixels.

        The distortion is that of whole grey levels, as they are decoded; the derivative overlooks their rounding.
        """
        slopes = np.empty_like(self.symbols[:, rows], np.float32)
        blocks = np.empty(slopes.shape[1:], np.float32)
        for part in self._parts(rows):
            picture, back = self.engine.linearise(restore(part.symbols, self.engine, self.point, part.origin))
            slopes[part.place], blocks[part.place[1:]] = self._first_order(part, picture, back)
        return slopes, blocks

    def to_second_order(self, rows: slice, random: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """The same, and the second-order distortion of moving a symbol by one.

        That is the squared norm of a column of the decoder's Jacobian A, and for pictures u of random signs it is the
        mean of (A' u)^2; of such estimates, a factor per channel and phase times one per position is taken.
        """
        slopes, squares = (np.empty_like(self.symbols[:, rows], np.float32) for _ in range(2))
        blocks = np.empty(slopes.shape[1:], np.float32)
        for part in self._parts(rows):
            latents, back_to_symbols = restore_linearised(part.symbols, self.engine, self.point, part.origin)
            picture, back_to_latents = self.engine.linearise(latents)
            slopes[part.place], blocks[part.place[1:]] = self._first_order(part, picture, back_to_latents)
            total = np.zeros_like(latents)
            for _ in range(PROBES):
                signs = part.inside(random.choice(np.array([-1, 1], np.float32), picture.shape))
                total += np.square(back_to_symbols(back_to_latents(signs)))
            squares[part.place] = (self.weight / PROBES * total)[part.inner]
        return slopes, blocks, _by_phase(squares, phases(squares.shape, (rows.start, 0)))

    def _first_order(
        self, part: Part, picture: Floats, back_to_latents: Callable[[Floats], Floats]
    ) -> tuple[Floats, Floats]:
        """The derivative by each of a tile's symbols, and the distortion in its blocks."""
        shown = np.clip(picture, 0, 1)
        error = part.difference(shown)
        error[shown != picture] = 0
        slopes = back_to_latents(2 * self.weight * error)[part.inner]
        return slopes * self.unit, self._blocks(part, shown)[part.inner[1:]]

    def _blocks(self, part: Part, shown: Floats) -> Floats:
        levels = np.rint(shown * np.float32(PEAK)) / np.float32(PEAK)
        return _block_sums(self.weight * np.square(part.difference(levels)))

    def _parts(self, rows: slice) -> Iterator[Part]:
        limits = self.symbols.shape[1:]
        for tile in chain.from_iterable(
            tiles(strip, (0, limits[1]), self.around, limits) for strip in strips((rows.start, rows.stop))
        ):
            yield Part(
                self.symbols[tile.outer()],
                tile.origin,
                self.pixels[tile.outer(scale=DOWNSAMPLING)[1:]].astype(np.float32) / np.float32(PEAK),
                tile.inner_of_outer(),
                tile.inner((rows.start, 0)),
            )


def _block_sums(picture: Floats) -> Floats:
    """Sums over the pixels of each block: height x width x 3 -> rows x columns."""
    rows, columns = (side // DOWNSAMPLING for side in picture.shape[:2])
    blocks = picture.reshape(rows, DOWNSAMPLING, columns, -1)
    sums: Floats = blocks.sum(axis=(1, 3))
    return sums


def _by_phase(squares: Floats, phase: NDArray[np.int8]) -> Floats:
    """Noisy values as a product of their means: by channel and phase, and by position."""
    by_channel = np.empty_like(squares)
    for k in range(PHASES):
        here = phase == k
        mean = squares.sum(axis=(1, 2), where=here) / np.maximum(here.sum(axis=(1, 2)), 1)
        np.copyto(by_channel, mean[:, None, None], where=here)
    np.maximum(by_channel, LEAST_CURVATURE * by_channel.mean(), out=by_channel)
    by_position = squares.mean(axis=0)
    return by_channel * (by_position / max(by_position.mean(), np.finfo(np.float32).tiny))
