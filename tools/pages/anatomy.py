"""Where the bits of a .lic file are: in which latents, channels and blocks of the picture."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.coding import latent_bits, unpack_latents
from lic.codec.entropy.coder import Symbols
from lic.codec.entropy.tables import STEP_BITS
from lic.codec.file.container import parse
from lic.codec.model.frozen import FrozenModel

Floats = NDArray[np.float64]


class Anatomy(NamedTuple):
    """A file's latents, and the cost of each."""

    symbols: Symbols  # channels x rows x columns
    bits: Floats  # the same shape
    position: int

    def per_channel(self) -> Floats:
        return np.asarray(self.bits.sum(axis=(1, 2)))

    def per_place(self) -> Floats:
        return np.asarray(self.bits.sum(axis=0))


def dissect(data: bytes, model: FrozenModel) -> Anatomy:
    """The latents of a file and their ideal code lengths, which the real ones hardly exceed."""
    file = parse(data)
    symbols = unpack_latents(file, model)
    return Anatomy(symbols, latent_bits(symbols, model, file.position), file.position)


class ChannelDensity(NamedTuple):
    """A channel's density in the model, over symbols: piecewise linear between the knots."""

    knots: Floats  # in symbols
    heights: Floats  # per symbol; the area is one


def channel_density(model: FrozenModel, channel: int, position: int) -> ChannelDensity:
    """A channel's density at a rate position, in units of the symbols that are coded there."""
    knots_per_symbol = model.steps_at(position)[channel] / 2**STEP_BITS
    knots = model.knots / knots_per_symbol
    heights = model.heights[channel].astype(np.float64)
    area = np.sum((heights[1:] + heights[:-1]) / 2 * np.diff(knots))
    return ChannelDensity(knots, heights / area)
