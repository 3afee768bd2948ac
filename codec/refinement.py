"""Symbols chosen anew for one picture, by what they cost and by what the decoder makes of them.

Analysis and rounding are one quick answer for all pictures: amortised inference, as the theory of VAEs has it, which
leaves a gap to the best answer for each. (Yang, Bamler and Mandt 2020 close it by descent through soft rounding.) Here
symbols move by one, up or down, where that lowers

    J = bits + lambda 255^2 * (sum of squared errors) / 3

A round looks at all symbols at once. One walk through the contexts prices them and their neighbours; one pass back
through the synthesis gives the slope of the distortion; its curvature has been estimated before, by a random probe.
Moves disturb one another, so only half of those that promise a gain are made; and where J has grown after all, they
are taken back, and the place is more cautious from then on, as in Levenberg's damping of Newton's method.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lic.codec.entropy.coder import Library, Symbols, shifted_bits
from lic.codec.entropy.contexts import PointContexts, start_state
from lic.codec.file.geometry import CHUNK_ROWS, MULTIPLE
from lic.codec.model.frozen import FrozenModel
from lic.codec.picture.image import Pixels
from lic.codec.transform.tiles import halo, tiles
from lic.models.autoencoder import PEAK

Map = NDArray[np.float32]

MOVED = 0.5  # of the moves that promise a gain
LEAST_GAIN = 1.0  # bits
CAUTION = 1.5  # times the curvature, at first
CAUTION_AFTER_LOSS = 2.0  # times that where things got worse
CAUTION_AFTER_GAIN = 0.9  # where they got better, as long as caution stays above 1
LEAST_CURVATURE = 0.5  # of the channels' mean: the estimate for one channel is noisy
PROBE = 0.05  # symbols: small, for the synthesis is not linear


def refine(symbols: Symbols, pixels: Pixels, model: FrozenModel, position: int, rounds: int) -> Symbols:
    """The symbols of a picture (channels x rows x columns) after some rounds of moves."""
    symbols = symbols.copy()
    distortion = Distortion(symbols, pixels, model, position)
    tables, point = model.tables_at(position)
    library = Library(tables)
    rows = symbols.shape[1]
    random = np.random.default_rng(0)
    chunks = [
        Chunk(distortion, slice(row, min(row + CHUNK_ROWS, rows)), library, point, random)
        for row in range(0, rows, CHUNK_ROWS)
    ]
    for _ in range(rounds):
        for chunk in chunks:
            chunk.move()
    for chunk in chunks:
        chunk.judge()
    return symbols


class Part(NamedTuple):
    """A tile of the picture, with all around it that has a say in the pixels that its symbols touch."""

    symbols: Tensor  # channels x rows x columns, in single precision
    pixels: Tensor  # 1 x 3 x height x width, in 0..1
    inner: tuple[slice, slice, slice]  # the tile within `symbols`
    place: tuple[slice, slice, slice]  # the tile within the rows that were asked for


class Distortion:
    """lambda 255^2 * (sum of squared errors) / 3 of a picture, in bits, as a function of its symbols."""

    def __init__(self, symbols: Symbols, pixels: Pixels, model: FrozenModel, position: int) -> None:
        self.symbols, self.pixels = symbols, pixels
        self.synthesis = model.network.synthesis
        self.inverse_gain = torch.from_numpy(model.inverse_gain_at(position).astype(np.float32))[:, None, None]
        self.weight = model.lambda_at(position) * PEAK**2 / 3

    def slope(self, rows: slice) -> tuple[Map, Map]:
        """Of the symbols in some rows: the derivative by each, and the distortion at each place."""
        slopes, places = self._empty(rows)
        for part in self._parts(rows):
            squares = self.weight * (self._decode(part) - part.pixels).square()
            (slope,) = torch.autograd.grad(squares.sum(), part.symbols)
            slopes[part.place] = slope[part.inner].numpy()
            places[part.place] = _at_places(squares.detach())[part.inner].numpy()
        return slopes, places[0]

    def curvature(self, rows: slice, random: np.random.Generator) -> Map:
        """What moving a symbol by one adds, beside the slope: an estimate by channel times one by place.

        For signs v at random and the Jacobian A of the decoder, the mean of v * (A' A v) is the diagonal of A' A.
        """
        products, places = self._empty(rows)
        for part in self._parts(rows):
            signs = torch.from_numpy(random.choice(np.array([-1, 1], np.float32), part.symbols.shape))
            decoded = self._decode(part)
            with torch.no_grad():
                change = (self._decode(part._replace(symbols=part.symbols + PROBE * signs)) - decoded) / PROBE
            (back,) = torch.autograd.grad((decoded * change).sum(), part.symbols)
            products[part.place] = self.weight * (signs * back)[part.inner].numpy()
            places[part.place] = _at_places(change.square())[part.inner].numpy()
        channels = products.mean(axis=(1, 2), keepdims=True)
        channels = np.maximum(channels, LEAST_CURVATURE * channels.mean())
        return channels * (places / max(places.mean(), np.finfo(np.float32).tiny))

    def _empty(self, rows: slice) -> tuple[Map, Map]:
        part = self.symbols[:, rows]
        return np.empty(part.shape, np.float32), np.empty((1, *part.shape[1:]), np.float32)

    def _parts(self, rows: slice) -> Iterator[Part]:
        limits = self.symbols.shape[1:]
        for tile in tiles((rows.start, rows.stop), (0, limits[1]), 2 * halo(self.synthesis), limits):
            symbols = self.symbols[:, tile.rows.outer(), tile.columns.outer()].astype(np.float32)
            pixels = self.pixels[tile.rows.outer(scale=MULTIPLE), tile.columns.outer(scale=MULTIPLE)]
            yield Part(
                torch.from_numpy(symbols).requires_grad_(),
                torch.from_numpy(pixels.transpose(2, 0, 1)[None] / np.float32(PEAK)),
                (slice(None), tile.rows.within(tile.rows.outer_start), tile.columns.within(tile.columns.outer_start)),
                (slice(None), tile.rows.within(rows.start), tile.columns.within(0)),
            )

    def _decode(self, part: Part) -> Tensor:
        y = (part.symbols * self.inverse_gain)[None].contiguous(memory_format=torch.channels_last)
        height, width = part.pixels.shape[2:]  # without what pads the picture to whole places
        decoded: Tensor = self.synthesis(y)[:, :, :height, :width]
        return decoded


def _at_places(pixels: Tensor) -> Tensor:
    """Sums over the 16 x 16 pixels of each place: 1 x 3 x height x width -> 1 x rows x columns."""
    height, width = pixels.shape[2:]
    whole = F.pad(pixels.sum(dim=1), (0, -width % MULTIPLE, 0, -height % MULTIPLE))
    return F.avg_pool2d(whole, MULTIPLE) * MULTIPLE**2


class Chunk:
    """The symbols of a stream, and what their last moves did."""

    def __init__(
        self,
        distortion: Distortion,
        rows: slice,
        library: Library,
        point: PointContexts | None,
        random: np.random.Generator,
    ) -> None:
        self.distortion, self.rows, self.library, self.point, self.random = distortion, rows, library, point, random
        self.symbols = distortion.symbols[:, rows]  # a view: what moves here moves there
        self.caution = np.full(self.symbols.shape[1:], CAUTION, np.float32)
        self.curvature = distortion.curvature(rows, random)
        self.kept: tuple[Map, Symbols] | None = None  # J at each place, and the symbols, before the last moves

    def move(self) -> None:
        """Take back what the last moves made worse, and make new ones elsewhere."""
        bits, slope, worse = self.judge()
        curvature = self.curvature * self.caution
        down = bits[1] - bits[0] - slope + curvature
        up = bits[2] - bits[0] + slope + curvature
        moved = (np.minimum(down, up) < -LEAST_GAIN) & (self.random.random(down.shape, np.float32) < MOVED) & ~worse
        self.symbols += np.where(moved, np.where(up < down, 1, -1), 0).astype(np.int32)

    def judge(self) -> tuple[Map, Map, NDArray[np.bool_]]:
        """Take the last moves back where J has grown.

        Returns what symbols and their neighbours, below and above, cost, the slopes, and where moves were taken back:
        there the rest is of no use any more.
        """
        state = start_state(self.point, *self.symbols.shape[1:])
        bits = shifted_bits(self.symbols, self.library, state, (0, -1, 1), np.float32)
        slope, squares = self.distortion.slope(self.rows)
        loss = squares + bits[0].sum(axis=0)
        worse = np.zeros(loss.shape, bool)
        if self.kept is not None:
            loss_before, symbols_before = self.kept
            worse = _around(loss - loss_before) > 0  # a symbol touches pixels of the places around
            loss[worse] = loss_before[worse]
            self.symbols[:, worse] = symbols_before[:, worse]
            self.caution[worse] *= CAUTION_AFTER_LOSS
            self.caution[~worse] = np.maximum(self.caution[~worse] * CAUTION_AFTER_GAIN, 1)
        self.kept = loss, self.symbols.copy()
        return bits, slope, worse


def _around(values: Map) -> Map:
    """The mean over each place and its neighbours."""
    mean: Map = F.avg_pool2d(torch.from_numpy(values)[None], 3, stride=1, padding=1)[0].numpy()
    return mean
