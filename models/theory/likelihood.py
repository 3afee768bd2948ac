"""The likelihood of a picture given a decoder's mean: Gaussian (L2) or Laplace (L1) noise of a learned scale.

    Gaussian   ln p(x) = -(x - m)^2 / 2 g^2 - ln g - ln(2 pi) / 2
    Laplace    ln p(x) = -|x - m| / g - ln 2 g

These are densities, in one over the unit of x: in grey levels instead of 0..1 the same picture costs ln 255
more per value. A number that does not depend on the unit needs discrete data. Pictures have 256 levels, so

    ln P(v) = ln [ F((v + 1/2 - m) / g) - F((v - 1/2 - m) / g) ]       v in grey levels, F the noise's cdf

and the two outermost levels include the tails.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from lic.models.constants import PEAK
from lic.models.theory.gaussian import DiagonalGaussian

Noise = Literal["gaussian", "laplace"]


def log_density(noise: Noise, x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """ln p(x) of each value.

    >>> log_density("laplace", torch.tensor(1.0), torch.tensor(0.0), torch.tensor(0.0))
    tensor(-1.6931)
    """
    if noise == "gaussian":
        return DiagonalGaussian(mean, 2 * log_scale).log_density(x)
    return -(x - mean).abs() / log_scale.exp() - log_scale - math.log(2)


def _laplace_log_cdf(t: Tensor) -> Tensor:
    return torch.where(t < 0, t - math.log(2), torch.log1p(-0.5 * (-t.clamp(min=0)).exp()))


LOG_CDF: dict[str, Callable[[Tensor], Tensor]] = {
    "gaussian": torch.special.log_ndtr,
    "laplace": _laplace_log_cdf,
}


def log_probability(noise: Noise, x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """ln P of each value of an 8-bit picture (values k / 255), in double precision.

    >>> levels = torch.arange(256) / 255
    >>> p = log_probability("gaussian", levels, torch.tensor(0.3), torch.tensor(-2.0)).exp()
    >>> round(float(p.sum()), 6)
    1.0
    """
    level = (x.double() * PEAK).round()
    mean, scale = mean.double() * PEAK, log_scale.double().exp() * PEAK
    lower = torch.where(level <= 0, -torch.inf, (level - 0.5 - mean) / scale)
    upper = torch.where(level >= PEAK, torch.inf, (level + 0.5 - mean) / scale)
    # By symmetry the same interval on the side where F is small: there its logarithm is exact in the tail.
    flip = lower + upper > 0
    lower, upper = torch.where(flip, -upper, lower), torch.where(flip, -lower, upper)
    low, high = LOG_CDF[noise](lower), LOG_CDF[noise](upper)
    return high + torch.log1p(-(low - high).exp())
