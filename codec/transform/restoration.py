"""Latents to symbols and back in numpy, phase by phase in models with expected latents (see models/expectation.py).

The encoder predicts latents from the restored ones, as the decoder does, so both expect the same.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from lic.codec.model.operating_point import Latents, OperatingPoint, Symbols
from lic.codec.picture.pixels import Floats
from lic.models.constants import PHASES, PLACES

Expect = Callable[[int, Latents], Floats]  # the latents of a phase, before trust, from those of earlier phases


def quantise(latents: Latents, point: OperatingPoint, expect: Expect) -> Symbols:
    """The symbols of a picture's latents, rounded."""
    symbols, restored = np.zeros(latents.shape, np.int32), np.zeros_like(latents)
    for k in range(PHASES):
        expected = predicted(k, restored, point, expect)
        for place in places(k):
            symbols[place] = point.quantise(latents[place] - expected[place], place[0])
            restored[place] = point.dequantise(symbols[place], place[0]) + expected[place]
    return symbols


def restore(symbols: Symbols, point: OperatingPoint, expect: Expect) -> Latents:
    """The latents that symbols stand for: the input of the synthesis."""
    latents = point.dequantise(symbols)
    if point.trust is not None:
        for k in range(1, PHASES):
            expected = predicted(k, latents, point, expect)
            for place in places(k):
                latents[place] += expected[place]
    return latents


def predicted(k: int, latents: Latents, point: OperatingPoint, expect: Expect) -> Floats:
    """The latents of phase k, as expected from restored ones of earlier phases; other latents are ignored."""
    if k == 0 or point.trust is None:
        return np.zeros_like(latents)
    return expect(k, only(range(k), latents)) * point.trust.astype(np.float32)[:, None, None]


def only(some: Iterable[int], latents: Floats) -> Floats:
    """The latents of some phases, and 0 for the others."""
    found = np.zeros_like(latents)
    for k in some:
        for place in places(k):
            found[place] = latents[place]
    return found


def places(k: int, first_row: int = 0) -> Iterator[tuple[slice, slice, slice]]:
    """Where the latents of phase k are, in an array that begins at some row: a part of it for each fourth of channels.

    >>> next(places(2))
    (slice(0, None, 4), slice(0, None, 2), slice(1, None, 2))
    """
    for turn in range(PHASES):
        ((row, column),) = np.argwhere((np.array(PLACES) - turn) % PHASES == k).tolist()
        yield slice(turn, None, PHASES), slice((row - first_row) % 2, None, 2), slice(column, None, 2)


def phases(shape: tuple[int, ...], first_row: int = 0) -> NDArray[np.int8]:
    """The phase of each latent (channels x rows x columns), if those of a picture begin at `first_row`.

    >>> phases((2, 2, 2)).tolist(), phases((1, 1, 1), 1).tolist()
    ([[[0, 2], [3, 1]], [[3, 1], [2, 0]]], [[[3]]])
    """
    phase = np.empty(shape, np.int8)
    for k in range(PHASES):
        for place in places(k, first_row):
            phase[place] = k
    return phase
