"""Two estimators of the ELBO.

If z is continuous, the ELBO is estimated from samples of q. The first estimator needs only densities. The second
replaces a part of the expectation by a KL in closed form, so that this part has no sampling noise. Each returns one
value per sample; their mean is the estimate. (Which one varies less? Far from the posterior the second; if q is the
posterior itself, the first: there it is the constant ln p(y).)
"""

from torch import Tensor


def from_densities(log_prior: Tensor, log_likelihood: Tensor, log_q: Tensor) -> Tensor:
    """Estimates of the ELBO from ln p(z), ln p(y|z) and ln q(z|y) at S samples z of q."""
    return log_prior + log_likelihood - log_q


def with_closed_kl(log_likelihood: Tensor, kl_to_prior: Tensor) -> Tensor:
    """Estimates of the ELBO from ln p(y|z) at S samples z of q, and the number KL(q(z|y), p(z))."""
    return log_likelihood - kl_to_prior
