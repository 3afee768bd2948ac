"""Distortion between pictures, as tensors with values in 0..1 (B x 3 x H x W): a number for each picture."""

import torch
from torch import Tensor

from lic.models.constants import PEAK

LEAST_MSE = 1e-10  # counts in place of 0, so that the PSNR of equal pictures is a number


def mse(y: Tensor, x: Tensor) -> Tensor:
    """Mean squared error in grey levels."""
    return (y - x).square().mean(dim=(1, 2, 3)) * PEAK**2


def psnr(mse: Tensor) -> Tensor:
    """10 log10(255^2 / MSE), in dB.

    >>> psnr(torch.tensor([1.0, 100.0]))
    tensor([48.1308, 28.1308])
    """
    return 10 * torch.log10(PEAK**2 / mse.clamp(min=LEAST_MSE))


def ms_ssim(y: Tensor, x: Tensor, peak: float = 1.0) -> Tensor:
    """Multi-scale structural similarity (Wang et al. 2003), 1 for equal pictures, whose values may go up to `peak`."""
    from pytorch_msssim import ms_ssim as library_ms_ssim

    similarity: Tensor = library_ms_ssim(y, x, data_range=peak, size_average=False)
    return similarity
