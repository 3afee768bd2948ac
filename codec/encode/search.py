"""Rate-distortion search over the symbols of one picture, the encoder's `effort`: fewer bytes for no worse a picture.

Analysis and rounding are amortised inference: one fast approximation for all pictures, which falls short of the best
symbols for each of them. (Yang, Bamler and Mandt 2020 close the gap by gradient descent through soft rounding.) Here
symbols move by one, up or down, where that lowers

    J = bits + price * lambda 255^2 * (sum of squared errors) / 3

By itself, at a price of 1, the search would find fewer errors rather than fewer bits. So the price falls while the
errors are fewer than at the start and rises while they are more, and of all symbols on the way those with the fewest
bits are kept whose errors are not more than at the start.

A round considers all symbols at once. One pass through the contexts gives the cost of each symbol and of its
neighbouring values; one backward pass through the synthesis gives the gradient of the distortion; its curvature was
estimated before, by random probes. Moves interact, so only some of those with an expected gain are made: the fewer, the
earlier the symbol's phase, since with a latent all that is expected from it changes. Where J has grown nevertheless,
they are undone, and the curvature is multiplied by a larger damping factor there, as in Levenberg's method.

Gradients leave out what is expected of later latents, curvatures do not. With it, the gradients of neighbouring symbols
agree so often that their moves, made together, go too far: the search then finds about half as much.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.encode.slopes import Distortion
from lic.codec.entropy.chunks import chunks_of, pack
from lic.codec.entropy.coder import Coder
from lic.codec.file.geometry import CHUNK_ROWS
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import OperatingPoint, Symbols
from lic.codec.picture.fidelity import mean_squared_error
from lic.codec.picture.pixels import Pixels
from lic.codec.progress import progress
from lic.codec.transform.engine import Floats, decode_all
from lic.codec.transform.restoration import phases

MOVED = np.array((0.2, 0.3, 0.4, 0.5), np.float32)  # by phase: the part of the moves with an expected gain that is made
LEAST_GAIN = 2.25  # bits
LEAST_LOSS = 0.5  # bits per position, on the mean of a neighbourhood, for which moves are undone
CAUTION = 1.5  # initial factor on the curvature
CAUTION_AFTER_LOSS = 2.0  # multiplies that factor where J has grown
CAUTION_AFTER_GAIN = 0.9  # multiplies it elsewhere
LEAST_CAUTION, MOST_CAUTION = 1.0, 6.0
START_PRICE = 0.85  # of distortion, times lambda
PRICE_RESPONSE = 10  # how strongly the price answers to distortion off its goal
MOST_CHANGE = 1.4  # of the price, in a round
LANDINGS = 4  # at most
MORE = 5e-4  # of the distortion, by which a landing aims lower than it seems to need after one that missed
ROUNDS = 1.75  # for each unit of effort
MARGIN = 1e-4  # of the distortion, by which it is to be less than at the start; decoders' rounding differs by less
AROUND = 2  # positions to each side that a move affects


def refine(symbols: Symbols, pixels: Pixels, model: FrozenModel, point: OperatingPoint, effort: int) -> Symbols:
    """The symbols of a picture (channels x rows x columns) after some rounds of moves, more of them for more effort.

    They never make a longer file nor a worse picture than those of the start, which are returned if nothing is better.
    """
    start, symbols = symbols, symbols.copy()
    distortion = Distortion(symbols, pixels, model, point)
    rows = symbols.shape[1]
    random = np.random.default_rng(0)
    chunks = [
        Chunk(distortion, slice(row, min(row + CHUNK_ROWS, rows)), point.coder, random)
        for row in range(0, rows, CHUNK_ROWS)
    ]
    for _ in progress("effort, round", range(math.ceil(ROUNDS * effort))):
        for chunk in chunks:
            chunk.move()
    for chunk in chunks:
        chunk.land()
    best = np.concatenate([chunk.best.symbols for chunk in chunks if chunk.best], axis=1)
    size, size_before = (len(pack(chunks_of(s), point.coder)) for s in (best, start))
    # A chunk is no worse than at its start, but the pixels at its edges depend on the symbols of two chunks.
    worse = len(chunks) > 1 and _error(best, pixels, model, point) > _error(start, pixels, model, point)
    return best if size < size_before and not worse else start


def _error(symbols: Symbols, pixels: Pixels, model: FrozenModel, point: OperatingPoint) -> float:
    height, width = pixels.shape[:2]
    return mean_squared_error(pixels, decode_all([symbols], model, point, (width, height)))


class Kept(NamedTuple):
    """Symbols, and their rate and distortion at each position, in bits."""

    symbols: Symbols
    rate: Floats
    distortion: Floats


class Chunk:
    """The symbols of a stream, what their last moves did, and the best symbols so far."""

    def __init__(
        self,
        distortion: Distortion,
        rows: slice,
        coder: Coder,
        random: np.random.Generator,
    ) -> None:
        self.distortion, self.rows, self.coder, self.random = distortion, rows, coder, random
        self.symbols = distortion.symbols[:, rows]  # a view: what moves here moves there
        self.caution = np.full(self.symbols.shape[1:], CAUTION, np.float32)
        self.curvature: Floats | None = None
        self.moved = MOVED[phases(self.symbols.shape, rows.start)]
        self.price = START_PRICE
        self.kept: Kept | None = None
        self.start: Kept | None = None
        self.best: Kept | None = None

    def move(self) -> None:
        """Take back what the last moves made worse, and make new ones elsewhere."""
        bits = self.coder.shifted_bits(self.symbols, (0, -1, 1))
        if self.curvature is None:
            slope, distortion, self.curvature = self.distortion.to_second_order(self.rows, self.random)
        else:
            slope, distortion = self.distortion.slope(self.rows)
        worse = self.judge(bits[0].sum(axis=0), distortion)
        # Where moves are taken back, bits and slopes are no longer those of the symbols: nothing moves there.
        curvature = self.curvature * self.caution
        down = bits[1] - bits[0] + self.price * (curvature - slope)
        up = bits[2] - bits[0] + self.price * (curvature + slope)
        chosen = self.random.random(down.shape, np.float32) < self.moved
        moved = (np.minimum(down, up) < -LEAST_GAIN) & chosen & ~worse
        self.symbols += np.where(moved, np.where(up < down, 1, -1), 0).astype(np.int32)

    def judge(self, rate: Floats, distortion: Floats) -> NDArray[np.bool_]:
        """Take the last moves back where J has grown, and return where; rate and distortion are those of now."""
        self._note(Kept(self.symbols.copy(), rate, distortion))
        worse = np.zeros(rate.shape, bool)
        if self.kept is not None:
            # Over each position and its neighbours, since a symbol affects the pixels of the blocks around its own.
            grown = rate - self.kept.rate + self.price * (distortion - self.kept.distortion)
            worse = _around(grown) > LEAST_LOSS
            rate = np.where(worse, self.kept.rate, rate)
            distortion = np.where(worse, self.kept.distortion, distortion)
            self.symbols[:, worse] = self.kept.symbols[:, worse]
            self.caution *= np.where(worse, np.float32(CAUTION_AFTER_LOSS), np.float32(CAUTION_AFTER_GAIN))
            np.clip(self.caution, LEAST_CAUTION, MOST_CAUTION, out=self.caution)
        self.kept = Kept(self.symbols.copy(), rate, distortion)
        return worse

    def _note(self, now: Kept) -> None:
        """Remember the symbols of least rate at no more distortion than at the start, and adapt the price."""
        if self.start is None or self.best is None:
            self.start = self.best = now
            return
        goal = self.start.distortion.sum(dtype=np.float64) * (1 - MARGIN)
        distortion = now.distortion.sum(dtype=np.float64)
        if distortion <= goal and now.rate.sum(dtype=np.float64) < self.best.rate.sum(dtype=np.float64):
            self.best = now
        self.price *= float(np.clip((distortion / max(goal, 1e-9)) ** PRICE_RESPONSE, 1 / MOST_CHANGE, MOST_CHANGE))

    def land(self) -> None:
        """At the end: choose between the last symbols and the best so far at each position, to reach the goal cheaply.

        Such choices do not add up exactly, so if the goal is missed, another one aims below it by as much and a little.
        """
        self.judge(*self._now())
        assert self.start is not None and self.best is not None and self.kept is not None
        best, in_all = self.best, self.start.distortion.sum(dtype=np.float64)
        rate, distortion = _around(self.kept.rate - best.rate), _around(self.kept.distortion - best.distortion)
        goal = aim = (1 - MARGIN) * in_all - best.distortion.sum(dtype=np.float64)
        landed = np.zeros(0, bool)  # where the last symbols are kept
        for _ in range(LANDINGS):
            low, high = 0.05, 20.0
            for _ in range(20):
                price = (low * high) ** 0.5
                kept = rate + price * distortion < 0
                low, high = (low, price) if distortion[kept].sum(dtype=np.float64) <= aim else (price, high)
            before, landed = landed, rate + high * distortion < 0
            if np.array_equal(landed, before):
                break  # there is nothing more to give up
            np.copyto(self.symbols, np.where(landed, self.kept.symbols, best.symbols))
            now = Kept(self.symbols.copy(), *self._now())
            self._note(now)
            excess = (now.distortion - best.distortion).sum(dtype=np.float64) - goal
            if excess <= 0:
                break
            aim = distortion[landed].sum(dtype=np.float64) - excess - MORE * in_all

    def _now(self) -> tuple[Floats, Floats]:
        """Rate and distortion at each position."""
        return self.coder.bits(self.symbols).sum(axis=0), self.distortion.value(self.rows)


def _around(values: Floats) -> Floats:
    """The mean over each position and its neighbours, as far as AROUND; zero beyond the edges."""
    side = 2 * AROUND + 1
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, AROUND), (side, side))
    mean: Floats = windows.mean(axis=(2, 3))
    return mean
