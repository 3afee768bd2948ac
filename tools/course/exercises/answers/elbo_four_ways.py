"""The ELBO, written four ways.

q(z|y) stands in for the posterior of one observation y; z has K values, so that every expectation is a sum. All four
forms have the same value for any q, and none exceeds ln p(y).
"""

import torch
from torch import Tensor


def log_ratio(log_prior: Tensor, log_likelihood: Tensor, q: Tensor) -> Tensor:
    """E_q ln [p(z, y) / q(z|y)]."""
    return (q * (log_prior + log_likelihood - q.log())).sum()


def evidence_minus_kl(log_prior: Tensor, log_likelihood: Tensor, q: Tensor) -> Tensor:
    """ln p(y) - KL(q(z|y), p(z|y))."""
    evidence = torch.logsumexp(log_prior + log_likelihood, dim=0)
    log_posterior = log_prior + log_likelihood - evidence
    return evidence - (q * (q.log() - log_posterior)).sum()


def reconstruction_minus_kl(log_prior: Tensor, log_likelihood: Tensor, q: Tensor) -> Tensor:
    """E_q ln p(y|z) - KL(q(z|y), p(z))."""
    return (q * log_likelihood).sum() - (q * (q.log() - log_prior)).sum()


def joint_plus_entropy(log_prior: Tensor, log_likelihood: Tensor, q: Tensor) -> Tensor:
    """E_q ln p(z, y) + H(q)."""
    return (q * (log_prior + log_likelihood)).sum() - (q * q.log()).sum()
