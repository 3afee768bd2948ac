"""Generating data: first z, then y.

To sample from a model with latent variables, draw z from its prior, then y from p(y|z). (The encoder has no part in
this.) Here z is a class with one of K probabilities, and y a number from the Gaussian of that class. A walk between two
latent vectors shows what a decoder has learned in between.
"""

import torch
from torch import Tensor


def ancestral_sample(weights: Tensor, means: Tensor, deviations: Tensor, uniform: Tensor, epsilon: Tensor) -> Tensor:
    """N numbers from a mixture of K Gaussians.

    Class i of a sample is the first whose cumulative weight exceeds its number `uniform` (in 0..1); `epsilon` is its
    standard normal noise.
    """
    i = torch.bucketize(uniform, weights.cumsum(0), right=True).clamp(max=len(weights) - 1)
    return means[i] + deviations[i] * epsilon


def walk(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """`steps` vectors at equal distances on the line from `start` to `end`, both included: steps x D."""
    return start + torch.linspace(0, 1, steps, dtype=start.dtype)[:, None] * (end - start)
