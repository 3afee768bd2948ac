"""The bits of a .lic file: of each latent, channel and block of the picture."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.decoder import read_symbols
from lic.codec.entropy import chunks
from lic.codec.entropy.tables import STEP_BITS
from lic.codec.entropy.walk import Symbols
from lic.codec.file.container import parse
from lic.codec.model.frozen import FrozenModel
from lic.models.constants import KNOTS

Doubles = NDArray[np.float64]


class Anatomy(NamedTuple):
    """A file's latents, and the cost of each."""

    symbols: Symbols  # channels x rows x columns
    bits: NDArray[np.float32]  # the same shape
    position: int

    def per_channel(self) -> Doubles:
        return np.asarray(self.bits.sum(axis=(1, 2), dtype=np.float64))

    def per_place(self) -> Doubles:
        return np.asarray(self.bits.sum(axis=0, dtype=np.float64))


def dissect(data: bytes, model: FrozenModel) -> Anatomy:
    """The latents of a file and their ideal code lengths, which the real ones hardly exceed."""
    file = parse(data)
    symbols = read_symbols(file, model)
    return Anatomy(symbols, chunks.bits(symbols, model.at(file.position).coder), file.position)


class ChannelDensity(NamedTuple):
    """A channel's density in the model, over symbols: piecewise linear between the knots."""

    knots: Doubles  # in symbols
    heights: Doubles  # per symbol; the area is one


def channel_density(model: FrozenModel, channel: int, position: int) -> ChannelDensity:
    """A channel's density at a rate position, in units of the symbols that are coded there."""
    knots_per_symbol = model.at(position).steps[channel] / 2**STEP_BITS
    knots = np.array(KNOTS) / knots_per_symbol
    heights = model.heights[channel].astype(np.float64)
    area = np.sum((heights[1:] + heights[:-1]) / 2 * np.diff(knots))
    return ChannelDensity(knots, heights / area)
