"""Coding without contexts: each channel in one pass, with its own table."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.tables import Ints
from lic.codec.entropy.walk import Pass

NONE = np.empty((0, 0), np.intp)  # neighbours


class PlainState:
    """One pass over all block positions; channel i's table is table i."""

    def __init__(self, rows: int, columns: int) -> None:
        places = np.arange(rows * columns)
        self._pass = Pass(0, places, NONE, NONE)

    def passes(self, channel: int) -> tuple[Pass, ...]:
        return (self._pass,)

    def choose(self, channel: int, p: Pass, values: Ints) -> NDArray[np.intp]:
        return np.full(len(p.places), channel)

    def add(self, channel: int, values: Ints) -> None:
        pass


class PlainWalk(NamedTuple):
    """Starts a chunk; no parameters are needed."""

    def start(self, rows: int, columns: int) -> PlainState:
        return PlainState(rows, columns)
