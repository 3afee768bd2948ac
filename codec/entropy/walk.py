"""The order in which a chunk is coded: the interface between the coder and the contexts."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.tables import Ints

Symbols = NDArray[np.int32]
MAX_SYMBOL = 2**30  # larger latents are clamped; those of pictures are far smaller

DAMAGED = "the file's latents do not decode: get a fresh copy of it"


class Pass(NamedTuple):
    """Block positions (flat indices into a channel) that are coded together, and their neighbours' positions.

    Neighbours outside the chunk are mirrored in; index -1 stands for a zero where there is nothing to mirror.
    """

    number: int
    places: NDArray[np.intp]
    around: NDArray[np.intp]  # 4 x places: up, down, left, right
    decoded: NDArray[np.intp]  # 8 x places: four straight and four diagonal neighbours, -1 if not yet decoded


class State(Protocol):
    """The state of the contexts while a chunk is coded; encoder and decoder update it in the same order.

    For each channel, in turn: for each of `passes`, ask `choose` for the tables of its positions, then code them; when
    the channel is complete, `add` it. `values` are a channel's symbols so far, with a zero at the end for neighbours
    that do not exist.
    """

    def passes(self, channel: int) -> Sequence[Pass]: ...

    def choose(self, channel: int, p: Pass, values: Ints) -> NDArray[Any]: ...

    def add(self, channel: int, values: Ints) -> None: ...


class Walk(Protocol):
    """The parameters of the contexts."""

    def start(self, rows: int, columns: int) -> State:
        """The state before the first symbol of a chunk."""
