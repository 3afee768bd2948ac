"""The cost of errors of symbols: numbers for the encoder, fitted when a model is exported.

A picture's squared error as a function of one symbol is nearly a parabola, `bits` times the squared distance in steps
from the symbol's best value. That lies at about `stretch` times its latent: farther from 0, since most other latents
are rounded to 0, which takes contrast from the picture. Both differ from channel to channel, and more with how busy a
place in the picture is, so there is a number for each of some groups of channels, at each activity.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.walk import Symbols

ACTIVITIES = 11
GROUP = 8  # channels, fewer in the last one


class Curvature(NamedTuple):
    """Of one rate; both are activities x channels."""

    bits: NDArray[np.float32]
    stretch: NDArray[np.float32]


def groups(channels: int) -> int:
    """How many groups of channels there are."""
    return -(-channels // GROUP)


def of_channels(by_group: NDArray[np.float64], channels: int) -> NDArray[np.float32]:
    """Values of groups (groups x activities) as those of their channels (activities x channels)."""
    return np.repeat(by_group, GROUP, axis=0)[:channels].T.astype(np.float32)


def activity_of(symbols: Symbols) -> NDArray[np.uint8]:
    """How busy each place is (rows x columns): the number of binary digits of the sum of its symbols' magnitudes.

    >>> activity_of(np.array([[[0, 1, -3, 2**20]], [[0, 0, 1, 0]]])).tolist()
    [[0, 1, 3, 10]]
    """
    digits = np.frexp(np.abs(symbols).sum(axis=0, dtype=np.int64))[1]
    return np.minimum(digits, ACTIVITIES - 1).astype(np.uint8)
