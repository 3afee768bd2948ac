"""The interface of engines, which run the network: numpy arrays of pictures or latents in, the same out.

A picture is height x width x 3, values in 0..1, sides multiples of 16; latents are channels x rows x columns; both are
float32. An engine is a class with the methods of `Engine`, chosen in `engines.py`. Nothing else knows what library runs
the layers.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Engine(Protocol):
    """A model's networks."""

    def analyse(self, picture: Floats) -> Floats:
        """The latents of a picture."""

    def synthesise(self, latents: Floats) -> Floats:
        """The picture of latents, not clipped."""

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
