"""Generalised divisive normalisation (Balle, Laparra, Simoncelli 2016, 2017) and its inverse.

    GDN:    y_i = x_i / sqrt(beta_i + sum_j gamma_ij x_j^2)
    IGDN:   y_i = x_i * sqrt(beta_i + sum_j gamma_ij x_j^2)

with beta > 0 and gamma >= 0. The sum runs over the channels at one position, so it is a 1x1 convolution.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.constants import MIN_BETA, PEDESTAL


class LowerBound(torch.autograd.Function):
    """max(x, bound), whose gradient also passes below the bound where it would raise x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bound: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grad * ((x >= ctx.bound) | (grad < 0)), None


def lower_bound(x: Tensor, bound: float) -> Tensor:
    result: Tensor = LowerBound.apply(x, bound)
    return result


def to_root(value: Tensor) -> Tensor:
    """The stored parameter of `value`, the inverse of `from_root`."""
    return (value + PEDESTAL).sqrt()


def from_root(root: Tensor, minimum: float = 0.0) -> Tensor:
    """The non-negative value (at least `minimum`) of a stored parameter."""
    return lower_bound(root, (minimum + PEDESTAL) ** 0.5).square() - PEDESTAL


class GDN(nn.Module):
    """Divisive normalisation over channels; `inverse=True` multiplies instead, for the decoder.

    (In the 2017 paper gamma is symmetric, too; here it is free.)

    >>> GDN(8)(torch.randn(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    def __init__(
        self,
        channels: int,
        *,
        inverse: bool = False,
        beta: float = 1.0,
        gamma: float = 0.1,
    ) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta_root = nn.Parameter(to_root(torch.full((channels,), beta)))
        self.gamma_root = nn.Parameter(to_root(gamma * torch.eye(channels)))

    @property
    def beta(self) -> Tensor:
        return from_root(self.beta_root, MIN_BETA)

    @property
    def gamma(self) -> Tensor:
        return from_root(self.gamma_root)

    def forward(self, x: Tensor) -> Tensor:
        pool = F.conv2d(x * x, self.gamma[:, :, None, None], self.beta)
        scale = pool.sqrt_() if self.inverse else pool.rsqrt_()
        # Allocating memory costs more than the arithmetic, so it is reused where no gradient needs the values.
        return scale.mul_(x) if torch.is_inference_mode_enabled() else x * scale
