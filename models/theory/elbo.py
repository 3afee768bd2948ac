"""The evidence lower bound, in all its written forms.

    ELBO = E_q [ ln p(z) + ln p(y|z) - ln q(z|y) ]           log-joint minus log q
         = ln p(y) - KL(q(z|y), p(z|y))                      evidence minus KL to the posterior
         = E_q ln p(y|z) - KL(q(z|y), p(z))                  reconstruction minus KL to the prior
         = E_q [ ln p(z) + ln p(y|z) ] + H(q(z|y))           expected log-joint plus entropy

Every expectation is over dimension 0, where the values of the latent variable z lie. Without weights they
are samples of q and the result is a Monte-Carlo estimate; with weights q(z|y) (z discrete) or those of a
quadrature rule it is exact. In nats. A form with a KL or an entropy in closed form has no sampling noise from
that part: its variance is lower where the KL dominates, and higher where q is close to the posterior, at which the
first form is constant.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def expectation(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """E_q of `values`, over dimension 0; values of weight zero are ignored, even infinite ones.

    >>> expectation(torch.tensor([1.0, -torch.inf]), torch.tensor([1.0, 0.0]))
    tensor(1.)
    """
    if weights is None:
        return values.mean(0)
    return (weights * values.masked_fill(weights == 0, 0.0)).sum(0)


def elbo(log_prior: Tensor, log_likelihood: Tensor, log_q: Tensor, weights: Tensor | None = None) -> Tensor:
    """The form that needs nothing in closed form:

        E_q [ln p(z) + ln p(y|z) - ln q(z|y)]

    >>> half = torch.tensor([0.5, 0.5])
    >>> elbo(half.log(), torch.zeros(2), half.log(), weights=half)
    tensor(0.)
    """
    return expectation(log_prior + log_likelihood - log_q, weights)


def evidence_minus_kl(evidence: Tensor, kl_to_posterior: Tensor) -> Tensor:
    """The form that shows that it is a lower bound, tight if q is the posterior:

        ln p(y) - KL(q(z|y), p(z|y))

    >>> evidence_minus_kl(torch.tensor(-2.0), torch.tensor(0.5))
    tensor(-2.5000)
    """
    return evidence - kl_to_posterior


def reconstruction_minus_kl(log_likelihood: Tensor, kl_to_prior: Tensor, weights: Tensor | None = None) -> Tensor:
    """The objective of a VAE:

        E_q ln p(y|z) - KL(q(z|y), p(z))

    Its KL is often known in closed form.
    """
    return expectation(log_likelihood, weights) - kl_to_prior


def joint_plus_entropy(
    log_prior: Tensor, log_likelihood: Tensor, entropy: Tensor, weights: Tensor | None = None
) -> Tensor:
    """The form that EM uses:

        E_q [ln p(z) + ln p(y|z)] + H(q(z|y))

    Its M step maximises the first term; the entropy is fixed.
    """
    return hard_elbo(log_prior, log_likelihood, weights) + entropy


def hard_elbo(log_prior: Tensor, log_likelihood: Tensor, weights: Tensor | None = None) -> Tensor:
    """The ELBO without the entropy of q:

        E_q [ln p(z) + ln p(y|z)]

    The objective of hard EM, and of a rate-distortion autoencoder: the whole code length of z is paid, while the
    ELBO of a VAE refunds -ln q(z|y).
    """
    return expectation(log_prior + log_likelihood, weights)


def kl_estimate(log_q: Tensor, log_p: Tensor, weights: Tensor | None = None) -> Tensor:
    """KL(q, p) = E_q [ln q(z) - ln p(z)]."""
    return expectation(log_q - log_p, weights)


def entropy_estimate(log_q: Tensor, weights: Tensor | None = None) -> Tensor:
    """H(q) = -E_q ln q(z)."""
    return -expectation(log_q, weights)


def importance_weighted_bound(log_prior: Tensor, log_likelihood: Tensor, log_q: Tensor) -> Tensor:
    """A tighter bound from K samples of q (Burda, Grosse, Salakhutdinov 2016):

        ln (1/K) sum_k p(z_k, y) / q(z_k|y)

    Its expectation is the ELBO for K = 1, never falls with K and tends to ln p(y).
    """
    ratios = log_prior + log_likelihood - log_q
    return ratios.logsumexp(0) - math.log(len(ratios))


def evidence_gradient(log_joint: Tensor, parameters: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The gradient of sum_y ln p(y) by the EG identity, for a discrete z along dimension 0:

        grad ln p(y) = E_{z ~ p(z|y)} grad ln p(z, y)

    >>> logits = torch.zeros(2, requires_grad=True)
    >>> evidence_gradient(logits.log_softmax(0) + torch.tensor([0.0, -torch.inf]), [logits])
    (tensor([ 0.5000, -0.5000]),)
    """
    posterior = log_joint.detach().softmax(0)
    return torch.autograd.grad(expectation(log_joint, posterior).sum(), parameters)
