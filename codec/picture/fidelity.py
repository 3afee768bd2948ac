"""The quality of a decoded picture against its original, by the measures that `encode` has targets for.

Pictures are uint8 arrays, RGB (H x W x 3) or grey (H x W).
"""

import math

import numpy as np
from numpy.typing import NDArray

from lic.codec.errors import BadImage
from lic.models.constants import PEAK

Pixels = NDArray[np.uint8]

MIN_SIDE_MS_SSIM = 161  # more than the window's reach, 10, after four halvings
BLOCK_ROWS = 256  # squared errors are summed so many rows at a time, to bound the memory


def psnr(original: Pixels, decoded: Pixels) -> float:
    """10 log10(255^2 / MSE) in dB over all samples; infinite for identical pictures.

    >>> black = np.zeros((4, 4, 3), np.uint8)
    >>> round(psnr(black, black + 1), 2), psnr(black, black)
    (48.13, inf)
    """
    return decibels(mean_squared_error(original, decoded))


def mean_squared_error(original: Pixels, decoded: Pixels) -> float:
    """Over all samples, in squared grey levels."""
    check_comparable(original, decoded)
    total = 0
    for row in range(0, len(original), BLOCK_ROWS):
        a, b = (picture[row : row + BLOCK_ROWS].astype(np.int32) for picture in (original, decoded))
        total += int(np.square(a - b).sum(dtype=np.int64))
    return total / original.size


def ms_ssim(original: Pixels, decoded: Pixels) -> float:
    """Multi-scale structural similarity, 1 for identical pictures; nan if a side is under 161."""
    import torch

    from lic.models import distortion

    check_comparable(original, decoded)
    if min(original.shape[:2]) < MIN_SIDE_MS_SSIM:
        return math.nan

    def tensor(pixels: Pixels) -> torch.Tensor:
        planes = np.atleast_3d(pixels).transpose(2, 0, 1).astype(np.float32)
        return torch.from_numpy(np.ascontiguousarray(planes))[None]

    with torch.inference_mode():
        return float(distortion.ms_ssim(tensor(original), tensor(decoded), PEAK))


def to_db(similarity: float) -> float:
    """-10 log10(1 - similarity): SSIM or MS-SSIM in decibels, as in rate-distortion curves.

    >>> round(to_db(0.99), 6), to_db(1.0)
    (20.0, inf)
    """
    return math.inf if similarity >= 1 else -10 * math.log10(1 - similarity)


def decibels(mse: float) -> float:
    """PSNR of a mean squared error."""
    return 10 * math.log10(PEAK**2 / mse) if mse > 0 else math.inf


def squared_error(psnr: float) -> float:
    """The mean squared error of a PSNR.

    >>> round(squared_error(decibels(7.5)), 9)
    7.5
    """
    return PEAK**2 / 10 ** (psnr / 10)


def check_comparable(original: Pixels, decoded: Pixels) -> None:
    if original.shape != decoded.shape or original.dtype != np.uint8 or decoded.dtype != np.uint8:
        raise BadImage(
            f"cannot compare a picture of {original.dtype} {original.shape} "
            f"with one of {decoded.dtype} {decoded.shape}: give two uint8 arrays of the same shape"
        )
