"""Factor analysis: the E step.

z ~ N(0, I) has L numbers, and y = W z + noise has D, with noise of variance psi_d in coordinate d (y has mean zero).
The posterior of z is Gaussian with covariance G = (I + W^T Psi^-1 W)^-1, the same for every y, and mean
G W^T Psi^-1 y. EM for factor analysis needs E[z] and E[z z^T] of each y, and nothing else.
"""

import torch
from torch import Tensor


def posterior(loadings: Tensor, noise: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Posterior means (N x L) of N vectors y (N x D), and their covariance G, for W (D x L) and psi (D)."""
    scaled = loadings / noise[:, None]
    covariance = torch.linalg.inv(torch.eye(loadings.shape[1], dtype=y.dtype) + loadings.T @ scaled)
    return y @ scaled @ covariance, covariance


def second_moments(means: Tensor, covariance: Tensor) -> Tensor:
    """E[z z^T] of each vector, N x L x L."""
    return covariance + means[:, :, None] * means[:, None, :]
