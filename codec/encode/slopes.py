"""The squared error of a picture as a function of its symbols: its value, slopes and curvature, in bits."""

import numpy as np
from numpy.typing import NDArray

from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import OperatingPoint, Symbols
from lic.codec.picture.pixels import Pixels
from lic.codec.transform.engine import Floats, engine_of
from lic.codec.transform.restoration import phases
from lic.models.constants import DOWNSAMPLING, PEAK, PHASES

LEAST_CURVATURE = 0.5  # relative to the channels' mean: the estimate for one channel is noisy
PROBES = 2  # random pictures that curvatures are estimated from


class Distortion:
    """lambda 255^2 * (sum of squared errors) / 3 of a picture, in bits, as a function of its symbols."""

    def __init__(self, symbols: Symbols, pixels: Pixels, model: FrozenModel, point: OperatingPoint) -> None:
        self.symbols, self.pixels, self.point = symbols, pixels, point
        self.engine = engine_of(model)
        self.unit = point.inverse_gain.astype(np.float32)[:, None, None]  # of latents, per symbol
        self.weight = np.float32(point.lambda_ * PEAK**2 / 3)

    def value(self, rows: slice) -> Floats:
        """The distortion in each block of pixels under some rows of symbols."""
        height, width = self.pixels.shape[:2]
        top, bottom = rows.start * DOWNSAMPLING, min(rows.stop * DOWNSAMPLING, height)
        given = self.engine.decode([self.symbols], 0, self.point, (width, height), (0, top, width, bottom))
        rows_of_blocks, columns = rows.stop - rows.start, self.symbols.shape[2]
        errors = np.zeros((rows_of_blocks * DOWNSAMPLING, columns * DOWNSAMPLING, 3), np.int32)
        decoded = np.concatenate([*given]).astype(np.int32)
        errors[: bottom - top, :width] = np.square(decoded - self.pixels[top:bottom])
        blocks = errors.reshape(rows_of_blocks, DOWNSAMPLING, columns, -1)
        return self._in_bits(blocks.sum(axis=(1, 3), dtype=np.int32))

    def slope(self, rows: slice) -> tuple[Floats, Floats]:
        """The derivative by each of the symbols in some rows, and the distortion in each block of pixels there.

        The distortion is that of whole grey levels, as they are decoded; the derivative overlooks their rounding, and
        takes expected latents as given.
        """
        slopes, errors = self.engine.slopes(self.symbols, self.pixels, self.point, rows)
        return 2 * self.weight * slopes * self.unit, self._in_bits(errors[rows])

    def to_second_order(self, rows: slice, random: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """The same, and the second-order distortion of moving a symbol by one.

        That is the squared norm of a column of the decoder's Jacobian A, and for pictures u of random signs it is the
        mean of (A' u)^2; of such estimates, a factor per channel and phase times one per position is taken.
        """
        slopes, blocks = self.slope(rows)
        squares = np.zeros_like(slopes)
        for _ in range(PROBES):
            signs = random.choice(np.array([-1, 1], np.float32), self.pixels.shape)
            squares += np.square(self.engine.probe(self.symbols, signs, self.point, rows) * self.unit)
        squares *= self.weight / PROBES
        return slopes, blocks, _by_phase(squares, phases(squares.shape, rows.start))

    def _in_bits(self, errors: NDArray[np.int32]) -> Floats:
        """Squared errors of grey levels as distortion."""
        return errors.astype(np.float32) * (self.weight / np.float32(PEAK**2))


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
