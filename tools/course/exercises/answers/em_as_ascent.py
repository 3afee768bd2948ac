"""EM climbs the ELBO in turns.

ELBO = E_q ln p(z, y) + H(q) depends on q(z|y) and on the model. The E step maximises it over q, which lifts it to
ln p(y); the M step maximises it over the model, which can only lift ln p(y) further. Here the model has weights p(z) to
be learned, and known densities p(y|z).
"""

import torch
from torch import Tensor


def bound(log_weights: Tensor, log_likelihood: Tensor, q: Tensor) -> Tensor:
    """The ELBO, the mean over N observations, for ln p(z) (K), ln p(y|z) (K x N) and q(z|y) (K x N)."""
    return (q * (log_weights[:, None] + log_likelihood - q.log())).sum(0).mean()


def best_q(log_weights: Tensor, log_likelihood: Tensor) -> Tensor:
    """The q(z|y) with the largest bound."""
    return torch.softmax(log_weights[:, None] + log_likelihood, dim=0)


def best_weights(q: Tensor) -> Tensor:
    """The p(z), K probabilities, with the largest bound."""
    return q.mean(1)
