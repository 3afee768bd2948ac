"""The quality of a decoded picture against its original. Pictures are uint8 arrays, RGB (H x W x 3) or grey (H x W).

- PSNR over all samples: 10 log10(255^2 / MSE) with the MSE pooled over R, G and B (not the mean of three PSNRs).
- Luma and chroma PSNR: the same of Y, and of Cb and Cr pooled (JFIF colour transform, BT.601, unrounded).
- SSIM (Wang et al. 2004): Gaussian window of 11 x 11, sigma 1.5; mean over positions, then over R, G and B.
- MS-SSIM (Wang et al. 2003): five scales of it. Undefined (nan) for pictures with a side under 161.
- SSIMULACRA2 (Sneyers 2022), on request: of these the one nearest to what people see. 100 for identical pictures, 90
  where hardly anybody sees a difference, 70 for high, 50 for medium and 30 for low quality; it may be negative.

Identical pictures have infinite PSNR, which counts as `LOSSLESS_DB` in means.
"""

import io
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lic.codec.picture.fidelity import Pixels, check_comparable, decibels, ms_ssim, psnr, ssim, to_db
from lic.tools.extras import require
from lic.tools.own_parts import find_part

LOSSLESS_DB = 100.0  # replaces infinity in means; one wrong value by one level in 16 million pixels is 120

# JFIF: Y, Cb, Cr (without the offset of 128) from R, G, B.
YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


class Scores(NamedTuple):
    """All metrics of one decoded picture."""

    psnr: float
    psnr_luma: float
    psnr_chroma: float
    ssim: float
    ms_ssim: float

    @property
    def ms_ssim_db(self) -> float:
        return to_db(self.ms_ssim)


def measure(original: Pixels, decoded: Pixels) -> Scores:
    """All metrics at once."""
    return Scores(
        psnr(original, decoded),
        psnr_luma(original, decoded),
        psnr_chroma(original, decoded),
        ssim(original, decoded),
        ms_ssim(original, decoded),
    )


def psnr_luma(original: Pixels, decoded: Pixels) -> float:
    """PSNR of Y = 0.299 R + 0.587 G + 0.114 B.

    >>> black = np.zeros((4, 4, 3), np.uint8)
    >>> round(psnr_luma(black, black + 1), 2)
    48.13
    """
    return decibels(float(np.mean(_difference_ycbcr(original, decoded)[..., 0] ** 2)))


def psnr_chroma(original: Pixels, decoded: Pixels) -> float:
    """PSNR of Cb and Cr, their squared errors pooled; infinite if only luma differs."""
    return decibels(float(np.mean(_difference_ycbcr(original, decoded)[..., 1:] ** 2)))


def ssimulacra2(original: Pixels, decoded: Pixels) -> float:
    """SSIMULACRA2, by the library of that name."""
    check_comparable(original, decoded)
    files = []
    for pixels in (original, decoded):
        files.append(io.BytesIO())
        Image.fromarray(pixels).save(files[-1], "BMP")
    return float(require("ssimulacra2").compute_ssimulacra2(*files))


ON_REQUEST = {"ssimulacra2": ssimulacra2}  # metrics that take their time


def find_metric(name: str) -> Callable[[Pixels, Pixels], float]:
    """A metric by name: one of `ON_REQUEST`, or one from outside of the package."""
    found: Callable[[Pixels, Pixels], float] = ON_REQUEST.get(name) or find_part(name, "metrics")
    return found


def mean_db(values: Iterable[float]) -> float:
    """The mean of decibels, infinite ones as `LOSSLESS_DB`; nan if any value is nan, or without values.

    >>> mean_db([40.0, math.inf])
    70.0
    """
    values = [min(value, LOSSLESS_DB) if not math.isnan(value) else value for value in values]
    return sum(values) / len(values) if values else math.nan


def _difference_ycbcr(original: Pixels, decoded: Pixels) -> NDArray[Any]:
    check_comparable(original, decoded)
    difference = original.astype(np.float64) - decoded
    if original.ndim == 2:
        difference = np.repeat(difference[:, :, None], 3, axis=2)
    ycbcr = difference @ YCBCR.T
    ycbcr[np.abs(ycbcr) < 1e-6] = 0  # differences in luma alone leave rounding errors in Cb and Cr
    return ycbcr
