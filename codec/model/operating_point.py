"""A model at one rate position: everything that encoding and decoding at that rate need."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.coder import Coder, runs_in_core
from lic.codec.entropy.compiled import CompiledCoder, Rate
from lic.codec.entropy.entropy_model import IN_CORE, EntropyModel, is_dependent
from lic.codec.entropy.tables import Ints
from lic.codec.entropy.walk import Symbols
from lic.models.constants import DEAD_ZONE

Latents = NDArray[np.float32]
ALL = slice(None)  # channels


class Look(NamedTuple):
    """How far latents move from those of a first look to those of a second one, which may be quick."""

    share: float = 0
    quick: bool = False


ONE_LOOK = Look()


@dataclass(frozen=True, eq=False)
class OperatingPoint:
    """Arrays count channels; `coder` codes chunks of symbols."""

    position: int
    lambda_: float
    steps: Ints  # in 1/2^12 of each channel's unit
    gain: NDArray[np.float64]  # factors of latents before rounding
    inverse_gain: NDArray[np.float64]  # factors of symbols before the synthesis
    second_look: float  # blend weight of the second look, from 0 to 1
    quick_look: float  # that of the quick look instead, where there is no search; 0 for none
    entropy: EntropyModel
    open_rate: Callable[[int], Rate]  # of the core, which has its own numbers for a position
    trust: NDArray[np.float64] | None = None  # factors of expected latents; None for a model without them
    filter: Ints | None = None  # weights of the filter behind the synthesis; None if there is none

    def look(self, effort: int) -> Look:
        """The second look at a picture; a search is worth the slower one."""
        return Look(self.quick_look, quick=True) if self.quick_look and not effort else Look(self.second_look)

    def adjusted(self, added: Ints) -> "OperatingPoint":
        """With a filter of other weights, by what is added to those of each class (planes x taps)."""
        if self.filter is None:
            raise ValueError("there is no filter to adjust")
        return replace(self, filter=self.filter + added)

    @cached_property
    def rate(self) -> Rate:
        """The position in the core, for streams, which take the filter from here."""
        return self.open_rate(self.position)

    @cached_property
    def coder(self) -> Coder:
        def reference() -> Coder:
            return self.entropy.coder(self.position, self.steps)

        in_core = runs_in_core() and type(self.entropy) in IN_CORE
        return CompiledCoder(self.rate, lambda: reference().prices) if in_core else reference()

    @property
    def is_dependent(self) -> bool:
        """Whether symbols are the levels of two dependent quantisers (entropy/quantisers.py)."""
        return is_dependent(self.entropy)

    @cached_property
    def unit(self) -> NDArray[np.float32]:
        """The size of a step, by channel: the latent that a symbol of 1 stands for."""
        return self.inverse_gain.astype(np.float32)[:, None, None]

    def scale(self, latents: Latents, channels: slice = ALL) -> Latents:
        """Latents (channels x rows x columns), or their differences from the expected ones, in steps."""
        return latents * self.gain[channels].astype(np.float32)[:, None, None]

    def quantise(self, latents: Latents, channels: slice = ALL) -> Symbols:
        """Latents, or their differences from the expected ones, as symbols, rounded with a dead zone."""
        scaled = self.scale(latents, channels)
        rounded = np.floor(scaled + np.float32(0.5)).astype(np.int32)
        rounded[np.abs(scaled) < np.float32(0.5 + DEAD_ZONE)] = 0
        return rounded

    def dequantise(self, symbols: Symbols, channels: slice = ALL) -> Latents:
        """The latents that symbols stand for, to which expected latents, if there are any, are added."""
        return symbols.astype(np.float32) * self.unit[channels]
