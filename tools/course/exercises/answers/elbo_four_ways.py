"""The ELBO, written four ways.

q(z|y) stands in for the posterior of one observation y; z has K values, so that every expectation is a sum. The ELBO is

    E_q ln [p(z, y) / q(z|y)]
    = ln p(y) - KL(q(z|y), p(z|y))
    = E_q ln p(y|z) - KL(q(z|y), p(z))
    = E_q ln p(z, y) + H(q)

for any q, and it never exceeds ln p(y). (Derive each line from the one above.) Return the two terms of the last three
lines, each as it is called: a KL and this entropy are never negative. Every function is given ln p(z), ln p(y|z) and
q(z|y), K numbers each.
"""

import torch
from torch import Tensor


def log_ratio(log_prior: Tensor, log_likelihood: Tensor, q: Tensor) -> Tensor:
    """E_q ln [p(z, y) / q(z|y)]."""
    return (q * (log_prior + log_likelihood - q.log())).sum()


def evidence_and_kl(log_prior: Tensor, log_likelihood: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    """ln p(y), and KL(q(z|y), p(z|y))."""
    evidence = torch.logsumexp(log_prior + log_likelihood, dim=0)
    log_posterior = log_prior + log_likelihood - evidence
    return evidence, (q * (q.log() - log_posterior)).sum()


def reconstruction_and_kl(log_prior: Tensor, log_likelihood: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    """E_q ln p(y|z), and KL(q(z|y), p(z))."""
    return (q * log_likelihood).sum(), (q * (q.log() - log_prior)).sum()


def joint_and_entropy(log_prior: Tensor, log_likelihood: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    """E_q ln p(z, y), and H(q)."""
    return (q * (log_prior + log_likelihood)).sum(), -(q * q.log()).sum()
