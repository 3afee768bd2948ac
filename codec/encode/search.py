"""Rate-distortion search over the symbols of one picture, the encoder's `effort`: fewer bytes for no worse a picture.

Rounding treats each latent alone, as if the errors of different latents did not meet in a pixel. They do: most latents
round to zero, so most errors take contrast from the picture, and add up. The search moves what is rounded. Each symbol
k has a target x, at first its latent in steps. In a round, the slope of the distortion says where the best value of
each symbol lies, given all others, and its target goes a part of the way there,

    x = x + RATE (k - slope / (2 c) - x)

where c is the curvature of the distortion, measured at the start. Then k moves up or down by one where that lowers

    bits + price * c (x - k)^2

by at least LEAST_GAIN; the bits are those of the tables that the present symbols choose. A symbol alone could jump to
its best value, but if all do at once they go too far, since the slopes of neighbours agree. While targets take small
steps, few symbols move in a round, and the next slopes know of them. (Straight-through gradients, with rounding in the
loop, do the same by static densities; Yang, Bamler and Mandt 2020 compare ways to descend through rounding.)

With dependent quantisation a level cannot move alone, since the next ones depend on whether its number is even. There
all levels of a phase are chosen anew by the same sum (entropy/level_choice.py), at which a level that stays is cheaper.

The price rises where errors shrink less than bits, and falls where bits shrink less, so that both become fewer. It
starts higher, most of all at low rates, where the first moves would make errors that take several rounds to mend. Of
all symbols on the way those with the least sum of bits and distortion are kept whose bits and errors are not more than
at the start.

Before the last round, the filter is adjusted to the picture of the symbols so far (adjusting.py): those that follow may
make larger errors, which it lowers.

Slopes leave out what is expected of later latents. With it, those of neighbouring symbols agree so often that the
search finds about half as much.
"""

import math
from typing import NamedTuple

import numpy as np

from lic.codec.encode.adjusting import adjust, size_of
from lic.codec.entropy.chunks import bits as bits_of
from lic.codec.entropy.chunks import chunks_of, pack
from lic.codec.entropy.level_choice import Choice
from lic.codec.entropy.prices import Numbers
from lic.codec.file.container import Section
from lic.codec.file.geometry import CHUNK_ROWS
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Latents, OperatingPoint, Symbols
from lic.codec.picture.pixels import Floats, Pixels
from lic.codec.progress import progress
from lic.codec.transform.dependent import BY_PHASE
from lic.codec.transform.engine import decode_all, engine_of, in_steps
from lic.codec.transform.restoration import phases
from lic.models.constants import PEAK, PHASES

RATE = 0.1  # of the way to its best value that a target goes in a round
LEAST_GAIN = 1.0  # bits, for which a symbol moves
KEPT = 0.25  # bits, by which a level that stays is cheaper
ZERO = 0.5  # a symbol that is 0 stays so while its target is no farther from it
PRICE = 1.2  # of squared distances from targets, where bits and errors are as many as at the start
FIRST_PRICE = 1.6  # in the first round
FIRST_PRICE_AT_1 = 0.6  # the same at a lambda of 1; it goes by lambda^(-1/4), where that is more
DEPENDENT_PRICE, FIRST_DEPENDENT_PRICE = 6.0, 8.0  # in bits, with dependent quantisation
MOST = 3.0  # times, that the price rises or falls
ROUNDS = 1.75  # for each unit of effort
MARGIN = 1e-4  # of the distortion, by which it is to be less than at the start; decoders' rounding differs by less


class Refined(NamedTuple):
    """The symbols of a picture, and the section that adjusts the filter to it, if there is one."""

    symbols: Symbols
    sections: tuple[Section, ...] = ()


def refine(
    start: Symbols, latents: Latents, pixels: Pixels, model: FrozenModel, point: OperatingPoint, effort: int
) -> Refined:
    """The symbols of a picture (channels x rows x columns) after some rounds of moves, more of them for more effort.

    `start` are the symbols that were chosen for its latents. They are returned if nothing is better: the result never
    makes a longer file nor a worse picture.
    """
    search = Search(start, latents, pixels, model, point)
    symbols, rounds = start, range(math.ceil(ROUNDS * effort))
    for i in progress("effort, round", rounds):
        if i == len(rounds) - 1:
            search.adjust(symbols)
        symbols = search.round(symbols)
    search.finish(symbols)
    best = search.best
    size, size_before = (len(pack(chunks_of(s), point.coder)) for s in (best.symbols, start))
    return best if size + size_of(best.sections) <= size_before else Refined(start)


class Search:
    """The targets of a picture's symbols, and the best symbols so far."""

    def __init__(
        self, start: Symbols, latents: Latents, pixels: Pixels, model: FrozenModel, point: OperatingPoint
    ) -> None:
        self.pixels, self.model, self.point, self.engine = pixels, model, point, engine_of(model)
        self.sections: tuple[Section, ...] = ()  # that adjust the filter
        self.weight = point.lambda_ / 3  # of squared errors of grey levels, in bits
        self.targets = in_steps(self.engine, latents, start, point)
        self.mean_curvature: float | None = None
        self.price = FIRST_DEPENDENT_PRICE
        if not point.is_dependent:
            self.price = max(FIRST_PRICE, FIRST_PRICE_AT_1 / math.sqrt(math.sqrt(point.lambda_)))
        self.best, self.loss = Refined(start), math.inf
        self.start: tuple[float, int] | None = None  # its bits and squared errors

    def round(self, symbols: Symbols) -> Symbols:
        """Move the targets by the slopes at some symbols, and return those that they lead to."""
        moved, rate, errors = symbols.copy(), 0.0, 0
        for row in range(0, symbols.shape[1], CHUNK_ROWS):  # as many at a time as share a stream
            rows = slice(row, min(row + CHUNK_ROWS, symbols.shape[1]))
            slopes, blocks = self.engine.slopes(symbols, self.pixels, self.point, rows)
            slopes *= np.float32(2 * self.weight * PEAK**2) * self.point.unit
            rate += self.move(moved[:, rows], slopes, rows)
            errors += int(blocks[rows].sum(dtype=np.int64))
        self.note(symbols, rate, errors)
        return moved

    def adjust(self, symbols: Symbols) -> None:
        """Adjust the filter to the picture of some symbols, for all that follows."""
        self.point, self.sections = adjust(symbols, self.pixels, self.model, self.point)

    def move(self, symbols: Symbols, slopes: Floats, rows: slice) -> float:
        """Move the targets of a chunk and then, in place, its symbols; returns the bits of those that it had."""
        numbers, prices = self.point.coder.find_tables(symbols), self.point.coder.prices
        rate = float(prices.bits(symbols, numbers).sum(dtype=np.float64))
        targets = self.targets[:, rows]
        curvature = self.curvature(symbols, slopes, rows)
        targets += np.float32(RATE) * (symbols - slopes / (2 * curvature) - targets)
        if self.point.is_dependent:
            self.choose_levels(symbols, targets, numbers)
            return rate
        where = np.nonzero((symbols != 0) | (np.abs(targets) > ZERO))
        k, x, number, c = symbols[where], targets[where], numbers[where], np.float32(self.price) * curvature[where]
        cost = [prices.bits(k + shift, number) + c * np.square(x - (k + shift)) for shift in (0, -1, 1)]
        gain = cost[0] - np.minimum(cost[1], cost[2])
        symbols[where] += np.where(gain > LEAST_GAIN, np.where(cost[2] < cost[1], 1, -1), 0).astype(np.int32)
        return rate

    def choose_levels(self, levels: Symbols, targets: Floats, numbers: Numbers) -> None:
        """Choose the levels of a chunk anew, in place."""
        coder = self.point.coder
        tables = coder.prices.of_quantiser_0(numbers)
        for phase, factor in enumerate(self.by_phase):
            weight = self.price * factor
            coder.choose_levels(levels, phase, Choice(targets, tables, weight, KEPT))

    @property
    def by_phase(self) -> tuple[float, ...]:
        return BY_PHASE if self.point.trust is not None else (1.0,) * PHASES

    def curvature(self, symbols: Symbols, slopes: Floats, rows: slice) -> Floats:
        """What each symbol adds to the distortion one step off its best value, in bits."""
        if self.mean_curvature is None:  # -slope / 2 = c (u - k), by least squares
            errors = self.targets[:, rows] - symbols
            squares = np.square(errors).sum(dtype=np.float64)
            self.mean_curvature = max(float((-slopes / 2 * errors).sum(dtype=np.float64)) / max(float(squares), 1), 1.0)
        factors = np.array(self.by_phase, np.float32)
        return np.float32(self.mean_curvature) * factors[phases(symbols.shape, rows.start)]

    def finish(self, symbols: Symbols) -> None:
        """Judge the last symbols, too."""
        height, width = self.pixels.shape[:2]
        decoded = decode_all([symbols], self.model, self.point, (width, height))
        errors = int(np.square(decoded.astype(np.int32) - self.pixels).sum(dtype=np.int64))
        self.note(symbols, float(bits_of(symbols, self.point.coder).sum(dtype=np.float64)), errors)

    def note(self, symbols: Symbols, rate: float, errors: int) -> None:
        """Keep symbols if they are the best so far."""
        if self.start is None:
            self.start = rate, errors
            self.loss = rate + self.weight * errors
            return
        rate += 8 * size_of(self.sections)
        fewer_bits, fewer_errors = rate / max(self.start[0], 1), errors / max(self.start[1], 1)
        uneven = fewer_errors / max(fewer_bits, 0.01)
        usual, factor = PRICE, uneven * uneven * uneven * uneven
        if self.point.is_dependent:
            usual, factor = DEPENDENT_PRICE, uneven * uneven
        self.price = usual * min(max(factor, 1 / MOST), MOST)
        loss = rate + self.weight * errors
        if loss < self.loss and fewer_bits <= 1 and fewer_errors <= 1 - MARGIN:
            self.best, self.loss = Refined(symbols, self.sections), loss
