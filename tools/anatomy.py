"""Where the bits of a .lic file go: to which latents, of which channels, at which places of the picture."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.coding import unpack_latents
from lic.codec.container import parse
from lic.codec.entropy_coding import Symbols
from lic.codec.model import FrozenModel
from lic.codec.tables import STEP_BITS, TOTAL_BITS, Tables

Floats = NDArray[np.float64]

ESCAPED_LENGTH_BITS = 5  # an escaped value is its length in 5 bits, then that many bits


class Anatomy(NamedTuple):
    """A file's latents, and what each of them costs."""

    symbols: Symbols  # channels x rows x columns
    bits: Floats  # the same shape
    position: int

    def per_channel(self) -> Floats:
        return np.asarray(self.bits.sum(axis=(1, 2)))

    def per_place(self) -> Floats:
        return np.asarray(self.bits.sum(axis=0))


def dissect(data: bytes, model: FrozenModel) -> Anatomy:
    """Take a file apart; the bits are ideal code lengths, which real ones exceed by very little."""
    file = parse(data)
    symbols = unpack_latents(file, model)
    return Anatomy(symbols, symbol_bits(symbols, model.tables_at(file.position)), file.position)


def symbol_bits(symbols: Symbols, tables: Tables) -> Floats:
    """-log2 p of each symbol under the integer tables.

    An escaped symbol costs its escape and its value, the channels after the last one in use nothing: see
    `lic.codec.entropy_coding`.
    """
    bits = np.zeros(symbols.shape)
    used = np.flatnonzero(symbols.any(axis=(1, 2)))
    for i in range(used[-1] + 1 if len(used) else 0):
        frequencies = tables.row(i)
        escape = len(frequencies) - 1
        index = symbols[i] - int(tables.first[i])
        outside = (index < 0) | (index >= escape)
        bits[i] = TOTAL_BITS - np.log2(frequencies[np.where(outside, escape, index)])
        values = symbols[i][outside].astype(np.int64)
        zigzag = np.where(values >= 0, 2 * values, -2 * values - 1)
        bits[i][outside] += ESCAPED_LENGTH_BITS + np.floor(np.log2(zigzag + 1))
    return bits


class ChannelDensity(NamedTuple):
    """The density that a channel is coded with, over symbols: piecewise linear between the knots."""

    knots: Floats  # in symbols
    heights: Floats  # per symbol; the area is one


def channel_density(model: FrozenModel, channel: int, position: int) -> ChannelDensity:
    """A channel's density at a rate position, on the axis of the symbols that are coded there."""
    knots_per_symbol = model.steps_at(position)[channel] / 2**STEP_BITS
    knots = model.knots / knots_per_symbol
    heights = model.heights[channel].astype(np.float64)
    area = np.sum((heights[1:] + heights[:-1]) / 2 * np.diff(knots))
    return ChannelDensity(knots, heights / area)
