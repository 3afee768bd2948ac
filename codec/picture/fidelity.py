"""The quality of a decoded picture against its original, by the measures that `encode` has targets for.

Pictures are uint8 arrays, RGB (H x W x 3) or grey (H x W).
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lic.codec.errors import BadImage
from lic.codec.picture.pixels import Pixels
from lic.models.constants import PEAK

Plane = NDArray[np.float64]  # a colour channel

WINDOW = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
WINDOW /= WINDOW.sum()
C1, C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
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


def ssim(original: Pixels, decoded: Pixels) -> float:
    """Structural similarity (Wang et al. 2004), 1 for identical pictures; nan if a side is under 11."""
    check_comparable(original, decoded)
    if min(original.shape[:2]) < len(WINDOW):
        return math.nan
    return _mean_over_channels(lambda x, y: _contrast_and_ssim(x, y)[1], original, decoded)


def ms_ssim(original: Pixels, decoded: Pixels) -> float:
    """Multi-scale structural similarity (Wang et al. 2003), 1 for identical pictures; nan if a side is under 161."""
    check_comparable(original, decoded)
    if min(original.shape[:2]) < MIN_SIDE_MS_SSIM:
        return math.nan
    return _mean_over_channels(_ms_ssim, original, decoded)


def _mean_over_channels(measure: Callable[[Plane, Plane], float], original: Pixels, decoded: Pixels) -> float:
    planes = [np.atleast_3d(pixels).transpose(2, 0, 1) for pixels in (original, decoded)]
    return float(np.mean([measure(x.astype(np.float64), y.astype(np.float64)) for x, y in zip(*planes, strict=True)]))


def _ms_ssim(x: Plane, y: Plane) -> float:
    """The product of the contrast terms of five scales, and of the coarsest one's luminance term, to the WEIGHTS."""
    similarity = 1.0
    for weight in WEIGHTS[:-1]:
        # A negative covariance has no real power: it counts as no similarity, as in the usual implementations.
        similarity *= max(_contrast_and_ssim(x, y)[0], 0) ** weight
        x, y = _halve(x), _halve(y)
    return float(similarity * max(_contrast_and_ssim(x, y)[1], 0) ** WEIGHTS[-1])


def _contrast_and_ssim(x: Plane, y: Plane) -> tuple[float, float]:
    """The means of the term of contrast and structure, and of its product with the luminance term."""
    mean_x, mean_y = _window_means(x), _window_means(y)
    # E[x^2] - E[x]^2, of both pictures together: the formula of SSIM needs their sum only.
    variances = _window_means(x * x) - mean_x**2 + _window_means(y * y) - mean_y**2
    covariance = _window_means(x * y) - mean_x * mean_y
    contrast = (2 * covariance + C2) / (variances + C2)
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return float(contrast.mean()), float((contrast * luminance).mean())


def _window_means(x: Plane) -> Plane:
    """Means weighted by the Gaussian window, at all positions where it lies inside the picture."""
    for _ in range(2):  # along columns, then along rows
        length = len(x) - len(WINDOW) + 1
        means = np.zeros((length, x.shape[1]))
        for k, weight in enumerate(WINDOW):
            means += weight * x[k : k + length]
        x = means.T
    return x


def _halve(x: Plane) -> Plane:
    """Means of 2 x 2; an odd side gets a zero row or column in front first, as in the usual implementations."""
    rows, columns = x.shape
    x = np.pad(x, ((rows % 2, 0), (columns % 2, 0)))
    return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4


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
