"""A case study: measuring a codec.

Codecs are compared at equal size by their error, or at equal error by their size. Sizes are given in bits per pixel of
the whole file, errors as PSNR: 10 log10 of 255^2 over the mean squared error, for pictures with values 0..255. The
picture of Balle, Laparra and Simoncelli's comparison at 0.113 bits per pixel has 752 x 376 pixels.
"""

import numpy as np


def bits_per_pixel(size: int, width: int, height: int) -> float:
    """Of a file of `size` bytes."""
    return 8 * size / (width * height)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Of two pictures (H x W x 3, uint8), in dB. (Differences of uint8 wrap around: 3 - 5 is 254.)"""
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))
