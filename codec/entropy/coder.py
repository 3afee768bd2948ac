"""The coder: integer latents <-> bytes, in C where the extension is built, otherwise in numpy.

Both write the same bytes. The environment variable LIC_CORE=numpy selects the one in numpy, the reference;
`lic.backend` is the name of the one in use.
"""

import os
import warnings
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.compiled import MISSING, CompiledCoder, plain_rate
from lic.codec.entropy.level_choice import Choice
from lic.codec.entropy.plain import PlainWalk
from lic.codec.entropy.prices import Numbers, Prices
from lic.codec.entropy.tables import Tables
from lic.codec.entropy.walk import Symbols, Walk

VARIABLE = "LIC_CORE"
BACKEND = "numpy" if MISSING or os.environ.get(VARIABLE) == "numpy" else "C"


class Coder(Protocol):
    """Codes chunks of symbols (channels x rows x columns); each call starts a new stream.

    With dependent quantisation (quantisers.py) symbols are levels, and their order and values decide which levels may
    follow: others are a ValueError, wherever symbols are taken.

    >>> from lic.codec.entropy.plain import PlainWalk
    >>> from lic.codec.entropy.tables import frequency_tables
    >>> tables = frequency_tables(np.array([[0, 9, 0]]), np.array([2048]), np.array([-1, 0, 1]))
    >>> coder = make_coder(tables, PlainWalk())
    >>> symbols = np.array([[[0, -1, 1, 7000]]], np.int32)
    >>> coder.decode(coder.encode(symbols), symbols.shape)
    array([[[   0,   -1,    1, 7000]]], dtype=int32)
    """

    def encode(self, symbols: Symbols) -> bytes:
        """A chunk as bytes."""

    def decode(self, data: bytes, shape: tuple[int, int, int]) -> Symbols:
        """The chunk of that shape, from the bytes of `encode`. Other bytes give other symbols, or raise Corrupt."""

    def find_tables(self, symbols: Symbols) -> Numbers:
        """The number of each symbol's table; NO_TABLE in channels that are not in use."""

    def guess_tables(self, numbers: Symbols) -> Numbers:
        """The same, before it is known which quantiser codes which symbol: tables of quantiser 0.

        They are those of contexts that count any `numbers`, which may stand for levels of either quantiser.
        """

    def choose_levels(self, levels: Symbols, phase: int, choice: Choice) -> None:
        """Replace the levels of a phase by the best ones (level_choice.py); with dependent quantisation only."""

    @property
    def prices(self) -> Prices:
        """What symbols cost under the tables."""

    def bits(self, symbols: Symbols) -> NDArray[np.float32]:
        """-log2 p of each symbol under the tables, including the bits of escaped values; 0 in unused channels."""


def make_coder(tables: Tables, walk: Walk, states: NDArray[np.uint8] | None = None) -> Coder:
    """The coder with these frequency tables and contexts; with contexts, the one in numpy.

    With states (quantisers.py), the second half of the tables is quantiser 1's.
    """
    if runs_in_core() and isinstance(walk, PlainWalk):
        return CompiledCoder(plain_rate(tables), lambda: Prices(tables))
    if slow := why_slow():
        _warn_once(slow)
    from lic.codec.entropy.reference import DependentCoder, ReferenceCoder

    return ReferenceCoder(tables, walk) if states is None else DependentCoder(tables, walk, states)


def runs_in_core() -> bool:
    return BACKEND == "C"


def why_slow() -> str:
    """Why this installation computes slowly, unless it was told to; empty if it does not."""
    if not MISSING or os.environ.get(VARIABLE) == "numpy":
        return ""
    return (
        f"the core in C cannot be used ({MISSING}), and numpy is many times slower: install lic where there is a C "
        f"compiler, or set {VARIABLE}=numpy to go without"
    )


@cache
def _warn_once(text: str) -> None:
    warnings.warn(text, RuntimeWarning, stacklevel=2)
