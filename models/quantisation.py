"""All ways to quantise in training; `OperatingPoint.quantise` of the codec is "dead-zone" in numpy."""

import math
from typing import Literal

import torch
from torch import Tensor

from lic.models.constants import DEAD_ZONE

Quantisation = Literal["noise", "round", "dead-zone", "straight-through"]


def quantise(y: Tensor, how: Quantisation, noise: Tensor | None = None) -> Tensor:
    """Quantise to a unit grid.

    - "noise": y + u with u uniform on [-1/2, 1/2), the differentiable proxy of training
      (drawn here unless given);
    - "round": floor(y + 1/2); no gradient;
    - "dead-zone": the same, but 0 for all |y| < 1/2 + DEAD_ZONE, as in coding;
    - "straight-through": the values of "dead-zone" with the gradient of the identity.

    >>> quantise(torch.tensor([-1.5, -0.5, 0.49, 0.5]), "round")
    tensor([-1.,  0.,  0.,  1.])
    >>> quantise(torch.tensor([-1.5, -0.6, 0.49, 0.5]), "dead-zone")
    tensor([-1., -1.,  0.,  0.])
    """
    if how == "noise":
        return y + (torch.rand_like(y) - 0.5 if noise is None else noise)
    if how == "round":
        return torch.floor(y + 0.5)
    if how == "dead-zone":
        return torch.where(y.abs() < 0.5 + DEAD_ZONE, 0.0, torch.floor(y + 0.5))
    if how == "straight-through":
        return y + (quantise(y, "dead-zone") - y).detach()
    raise ValueError(f"quantise: unknown way {how!r}, use 'noise', 'round', 'dead-zone' or 'straight-through'")


def soft_round(y: Tensor, alpha: float) -> Tensor:
    """A smooth approximation of rounding (Agustsson and Theis 2020): the identity for alpha 0, rounding in the limit.

        soft(y) = m + tanh(alpha (y - m)) / (2 tanh(alpha / 2))       with m = floor(y) + 1/2

    Uniform noise added to it resembles rounding more than noise added to y: the rate that training descends comes
    nearer to the rate of rounded values.

    >>> soft_round(torch.tensor([0.0, 0.3, 0.5, 0.7, 1.0]), 6.0)
    tensor([0.0000, 0.0811, 0.5000, 0.9189, 1.0000])
    """
    if alpha == 0:
        return y
    middle = torch.floor(y) + 0.5
    return middle + torch.tanh(alpha * (y - middle)) / (2 * math.tanh(alpha / 2))
