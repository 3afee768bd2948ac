"""Colouring a grey picture with a latent segmentation.

P(y|x) = sum_z P(z|x) P(y|z): x describes the grey pixel, z is the segment that it belongs to (sky, skin, ...), y its
colour. Each segment has a typical colour m_z and a Gaussian spread around it.
"""

import math

import torch
from torch import Tensor


def expected_colour(segments: Tensor, colours: Tensor) -> Tensor:
    """E[y|x] of N pixels, N x 3, from P(z|x), K x N, and the mean colours of the segments, K x 3."""
    return segments.T @ colours


def log_density(segments: Tensor, colours: Tensor, variance: float, y: Tensor) -> Tensor:
    """ln P(y|x) of the true colours y, N x 3, if each of the three values has this variance around the mean."""
    squares = (y - colours[:, None]).square().sum(2) / variance
    return torch.logsumexp(segments.log() - squares / 2 - 1.5 * math.log(2 * math.pi * variance), dim=0)
