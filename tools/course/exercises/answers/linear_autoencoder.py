"""The best linear autoencoder is PCA.

Among all linear encoders to L numbers with linear decoders, none has a smaller mean squared error than the projection
on the L principal components: the directions of the largest variance. What is lost is the variance of the others.
"""

import torch
from torch import Tensor


def principal_components(y: Tensor, count: int) -> Tensor:
    """The `count` leading directions of N vectors (N x D), as orthonormal rows, the largest variance first."""
    _, vectors = torch.linalg.eigh(torch.cov(y.T))  # in rising order
    return vectors.flip(1).T[:count]


def reconstruct(y: Tensor, components: Tensor) -> Tensor:
    """The vectors after encoding to and decoding from these components. Mind the mean."""
    mean = y.mean(0)
    return (y - mean) @ components.T @ components + mean
