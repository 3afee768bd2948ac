"""EM for a mixture of Gaussians.

p(y) = sum_i w_i N(y; m_i, v_i), here for numbers y. The E step computes which component each number probably came from;
the M step fits each component to its share of the numbers. Two slips are common: dividing by N where the sum of the
responsibilities belongs, and measuring a variance from zero instead of from the component's new mean.
"""

import math

import torch
from torch import Tensor


def e_step(weights: Tensor, means: Tensor, variances: Tensor, y: Tensor) -> Tensor:
    """The responsibilities p(i|y), K x N, of K components for N numbers."""
    squares = (y - means[:, None]) ** 2 / variances[:, None]
    log_joint = weights.log()[:, None] - (squares + (2 * math.pi * variances[:, None]).log()) / 2
    return torch.softmax(log_joint, dim=0)


def m_step(y: Tensor, responsibilities: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """New weights, means and variances, K of each."""
    counts = responsibilities.sum(1)
    means = responsibilities @ y / counts
    variances = (responsibilities * (y - means[:, None]) ** 2).sum(1) / counts
    return counts / len(y), means, variances
