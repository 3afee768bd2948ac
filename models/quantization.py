"""All ways to quantise, shared by training, refinement and coding."""

from typing import Literal

import torch
from torch import Tensor

from lic.models.constants import DEAD_ZONE

Quantization = Literal["noise", "round", "dead-zone", "straight-through"]


def quantize(y: Tensor, how: Quantization, noise: Tensor | None = None) -> Tensor:
    """Quantise to a unit grid.

    - "noise": y + u with u uniform on [-1/2, 1/2), the differentiable proxy of training
      (drawn here unless given);
    - "round": floor(y + 1/2); no gradient;
    - "dead-zone": the same, but 0 for all |y| < 1/2 + DEAD_ZONE, as in coding;
    - "straight-through": the values of "dead-zone" with the gradient of the identity.

    >>> quantize(torch.tensor([-1.5, -0.5, 0.49, 0.5]), "round")
    tensor([-1.,  0.,  0.,  1.])
    >>> quantize(torch.tensor([-1.5, -0.6, 0.49, 0.5]), "dead-zone")
    tensor([-1., -1.,  0.,  0.])
    """
    if how == "noise":
        return y + (torch.rand_like(y) - 0.5 if noise is None else noise)
    if how == "round":
        return torch.floor(y + 0.5)
    if how == "dead-zone":
        return torch.where(y.abs() < 0.5 + DEAD_ZONE, 0.0, torch.floor(y + 0.5))
    if how == "straight-through":
        return y + (quantize(y, "dead-zone") - y).detach()
    raise ValueError(f"quantize: unknown way {how!r}, use 'noise', 'round', 'dead-zone' or 'straight-through'")
