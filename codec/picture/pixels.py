"""The arrays that the transforms work on."""

import numpy as np
from numpy.typing import NDArray

from lic.models.constants import DOWNSAMPLING

Pixels = NDArray[np.uint8]  # H x W x 3, or H x W in grey
Floats = NDArray[np.float32]


def pad(pixels: Pixels) -> Pixels:
    """Repeat the last row and column until both sides are multiples of 16."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, -height % DOWNSAMPLING), (0, -width % DOWNSAMPLING), (0, 0)), mode="edge")
