"""Generalised divisive normalisation.

y_i = x_i / sqrt(beta_i + sum_j gamma_ij x_j^2), at each position of a picture's channels on their own. It takes the
place of an activation function. The decoder multiplies where the encoder divides.
"""

import torch
from torch import Tensor


def normalise(x: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
    """GDN of B x C x H x W channels, with beta (C) and gamma (C x C)."""
    pool = torch.einsum("ij,bjhw->bihw", gamma, x**2) + beta[:, None, None]
    return x / pool.sqrt()
