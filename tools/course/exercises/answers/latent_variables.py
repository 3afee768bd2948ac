"""Latent variables.

A model with a latent variable z explains y by p(y) = sum_z p(z) p(y|z). With thousands of pixels, p(y|z) is far smaller
than the smallest number that a computer represents, so compute with logarithms throughout: torch.logsumexp adds
probabilities without leaving them.
"""

import torch
from torch import Tensor


def log_evidence(log_prior: Tensor, log_likelihood: Tensor) -> Tensor:
    """ln p(y) of N observations, from ln p(z) of K values of z, and ln p(y|z), K x N."""
    return torch.logsumexp(log_prior[:, None] + log_likelihood, dim=0)


def log_posterior(log_prior: Tensor, log_likelihood: Tensor) -> Tensor:
    """ln p(z|y), K x N, by Bayes' rule."""
    log_joint = log_prior[:, None] + log_likelihood
    return log_joint - torch.logsumexp(log_joint, dim=0)
