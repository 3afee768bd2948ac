"""The interface of engines, which run the network: numpy arrays of pictures or latents in, the same out.

A picture is height x width x 3, values in 0..1, sides multiples of 16; latents, and what lies between layers, are
channels x rows x columns; all are float32. Several threads may use an engine at once. An engine is a class with the
methods of `Engine`, chosen in `engines.py`. Nothing else knows what library runs the layers.
"""

from collections.abc import Callable, Sized
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
ALL = slice(None)  # layers


def begins(layers: slice) -> bool:
    """Whether the first layer is among these."""
    return not layers.start


def ends(layers: slice, all_layers: Sized) -> bool:
    """Whether the last layer is among these."""
    return layers.stop is None or layers.stop == len(all_layers)


def means(picture: Floats, reduce: int) -> Floats:
    """The means of squares of pixels."""
    if reduce == 1:
        return picture
    rows, columns, _ = picture.shape
    squares = picture.reshape(rows // reduce, reduce, columns // reduce, reduce, 3)
    found: Floats = squares.mean(axis=(1, 3), dtype=np.float32)
    return found


class Engine(Protocol):
    """A model's networks."""

    def analyse(self, picture: Floats, layers: slice = ALL) -> Floats:
        """The latents of a picture; or what some of the layers make of what those before them have made."""

    def synthesise(self, latents: Floats, layers: slice = ALL, reduce: int = 1) -> Floats:
        """The picture of latents, not clipped; or likewise for some of the layers.

        With `reduce`, a power of two, the picture has the means of squares of so many pixels to each side.
        """

    def expect(self, phase: int, known: Floats, origin: tuple[int, int]) -> Floats:
        """The latents of a phase from 1 on, before trust, as predicted from the known ones; unknown ones are zero.

        `origin` is the row and column of the whole picture's latents where these begin.
        """

    def linearise_expected(
        self, phase: int, known: Floats, origin: tuple[int, int]
    ) -> tuple[Floats, Callable[[Floats], Floats]]:
        """What `expect` returns, and its transposed derivative there.

        The function maps the gradient of a loss with respect to the expected latents to that with respect to `known`.
        """

    def linearise(self, latents: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """The picture of latents, and the synthesis's transposed derivative there.

        The function maps the gradient of a loss with respect to the picture to that with respect to the latents.
        """
