"""The ELBO in all its forms, on factor analysis, whose evidence and posterior are known."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from lic.models.theory.elbo import (
    elbo,
    entropy_estimate,
    evidence_gradient,
    evidence_minus_kl,
    hard_elbo,
    importance_weighted_bound,
    joint_plus_entropy,
    kl_estimate,
    reconstruction_minus_kl,
)
from lic.models.theory.factor_analysis import FactorAnalysis
from lic.models.theory.gaussian import (
    DiagonalGaussian,
    kl,
    kl_normal,
    log_normal,
    standard_normal,
)

MODEL = FactorAnalysis(
    torch.tensor([[1.0, 0.2], [0.5, -1.0], [0.3, 0.8]]).double(),
    torch.tensor([0.5, 0.8, 0.3]).double(),
    torch.tensor([0.1, 0.2, 0.3]).double(),
)
Y = torch.tensor([1.5, -0.5, 1.0]).double()
Q = DiagonalGaussian(torch.tensor([0.4, 0.6]).double(), torch.tensor([-1.0, -0.5]).double())


class Logs(NamedTuple):
    prior: Tensor
    likelihood: Tensor
    q: Tensor


def logs(z: Tensor, model: FactorAnalysis = MODEL) -> Logs:
    """ln p(z), ln p(y|z) and ln q(z|y) of latents z (S x ... x 2)."""
    likelihood = log_normal(Y, z @ model.loadings.T + model.mean, model.noise.diag())
    return Logs(standard_normal(z).log_density(z).sum(-1), likelihood, Q.log_density(z).sum(-1))


def quadrature() -> tuple[Tensor, Tensor]:
    """Nodes and weights that integrate quadratic functions under q exactly (Gauss-Hermite, 4 x 4)."""
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(4))
    weights = weights / weights.sum()
    epsilon = torch.cartesian_prod(nodes, nodes)
    return Q.sample(epsilon), (weights[:, None] * weights).flatten()


def draw(*shape: int, seed: int = 0) -> Logs:
    epsilon = torch.randn(*shape, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return logs(Q.sample(epsilon))


EVIDENCE = MODEL.log_evidence(Y[None])[0]


def closed_form() -> float:
    """ln p(y) - KL(q, posterior), no expectation left."""
    mean, covariance = MODEL.posterior(Y[None])
    divergence = kl_normal(Q.mean, Q.log_variance.exp().diag(), mean[0], covariance)
    return float(evidence_minus_kl(EVIDENCE, divergence))


def test_all_four_forms_agree() -> None:
    z, weights = quadrature()
    at = logs(z)
    prior_kl = kl(Q, standard_normal(Q.mean)).sum()
    forms = {
        "log-joint minus log q": elbo(at.prior, at.likelihood, at.q, weights),
        "reconstruction minus KL to the prior": reconstruction_minus_kl(at.likelihood, prior_kl, weights),
        "log-joint plus entropy": joint_plus_entropy(at.prior, at.likelihood, Q.entropy().sum(), weights),
    }
    for name, value in forms.items():
        assert float(value) == pytest.approx(closed_form(), abs=1e-6), name


def test_the_estimates_of_kl_and_entropy_are_the_closed_forms() -> None:
    z, weights = quadrature()
    at = logs(z)
    assert kl_estimate(at.q, at.prior, weights) == pytest.approx(float(kl(Q, standard_normal(Q.mean)).sum()))
    assert entropy_estimate(at.q, weights) == pytest.approx(float(Q.entropy().sum()))


def test_it_is_a_lower_bound_that_only_the_posterior_reaches() -> None:
    assert closed_form() < EVIDENCE - 1e-3
    mean, covariance = MODEL.posterior(Y[None])
    z = mean[0] + torch.randn(10, 2).double() @ torch.linalg.cholesky(covariance).T
    at = logs(z)
    ratios = at.prior + at.likelihood - log_normal(z, mean[0], covariance)
    assert torch.allclose(ratios, EVIDENCE.expand(10))  # with the posterior as q, every sample is exact


def test_both_estimators_are_unbiased_and_a_closed_form_kl_lowers_the_variance() -> None:
    # As in most of a VAE's training, the likelihood says less about z than q's distance from the prior does.
    vague = MODEL._replace(noise=25 * MODEL.noise)
    z, weights = quadrature()
    exact = float(elbo(*logs(z, vague), weights))
    at = logs(Q.sample(torch.randn(1, 20000, 2, generator=torch.Generator().manual_seed(0))), vague)
    by_sampling = elbo(at.prior, at.likelihood, at.q)
    with_closed_kl = reconstruction_minus_kl(at.likelihood, kl(Q, standard_normal(Q.mean)).sum())
    for draws in (by_sampling, with_closed_kl):
        assert abs(draws.mean() - exact) < 4 * draws.std() / len(draws) ** 0.5
    assert with_closed_kl.var() < 0.1 * by_sampling.var()


def test_near_the_posterior_the_variances_change_places() -> None:
    # ln p(z) + ln p(y|z) - ln q(z|y) is the constant ln p(y) there, while ln p(y|z) still varies.
    mean, covariance = MODEL.posterior(Y[None])
    posterior = torch.distributions.MultivariateNormal(mean[0], covariance)
    z = posterior.sample((2000,))
    at = logs(z)
    assert (at.prior + at.likelihood - posterior.log_prob(z)).var() < 1e-20
    assert at.likelihood.var() > 0.1


def test_a_decoder_that_ignores_z_makes_information_in_q_a_waste() -> None:
    """With p(y|z) = p(y) the best prior is the mean of q over y, and -ELBO exceeds -ln p(y) by I(y, z), on average."""
    p_y = torch.tensor([0.5, 0.3, 0.2]).double()
    q = torch.tensor([[0.8, 0.1, 0.3], [0.2, 0.9, 0.7]]).double()  # q(z|y), a column for each y
    aggregate = q @ p_y
    information = float((p_y * q * (q / aggregate[:, None]).log()).sum())
    ignored = p_y.log().expand_as(q)
    best = elbo(aggregate.log()[:, None].expand_as(q), ignored, q.log(), weights=q)
    assert float(p_y @ (p_y.log() - best)) == pytest.approx(information)
    uniform = elbo(torch.full_like(q, 0.5).log(), ignored, q.log(), weights=q)
    assert p_y @ uniform < p_y @ best
    collapsed = aggregate[:, None].expand_as(q)  # q(z|y) = q(z): nothing is said about y, and nothing is lost
    assert torch.allclose(elbo(collapsed.log(), ignored, collapsed.log(), weights=collapsed), p_y.log())


def test_the_hard_elbo_lacks_the_entropy() -> None:
    z, weights = quadrature()
    at = logs(z)
    gap = elbo(at.prior, at.likelihood, at.q, weights) - hard_elbo(at.prior, at.likelihood, weights)
    assert gap == pytest.approx(float(Q.entropy().sum()))


def test_the_importance_weighted_bound_rises_with_samples_towards_the_evidence() -> None:
    bounds = []
    for k in (1, 2, 5, 20, 100):
        draws = importance_weighted_bound(*draw(k, 20000))
        error = float(draws.std() / len(draws) ** 0.5)
        assert draws.mean() < EVIDENCE + 4 * error
        bounds.append(float(draws.mean()))
    assert bounds == sorted(bounds)
    assert bounds[0] == pytest.approx(closed_form(), abs=0.05)
    assert bounds[-1] == pytest.approx(float(EVIDENCE), abs=0.01)


def test_eg_identity_for_a_mixture() -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(7, 2, generator=generator)
    logits = torch.randn(4, generator=generator, requires_grad=True)
    means = torch.randn(4, 2, generator=generator, requires_grad=True)
    log_joint = logits.log_softmax(0)[:, None] - 0.5 * (y - means[:, None]).square().sum(-1)
    direct = torch.autograd.grad(log_joint.logsumexp(0).sum(), [logits, means], retain_graph=True)
    for by_identity, expected in zip(evidence_gradient(log_joint, [logits, means]), direct, strict=True):
        assert torch.allclose(by_identity, expected, atol=1e-6)


def test_eg_identity_for_a_continuous_latent() -> None:
    """The gradient of factor analysis' evidence, as the posterior mean (by EM's moments) of the joint's."""
    loadings = MODEL.loadings.clone().requires_grad_()
    model = MODEL._replace(loadings=loadings)
    (direct,) = torch.autograd.grad(model.log_evidence(Y[None]).sum(), loadings)
    mean, covariance = MODEL.posterior(Y[None])
    # grad_W ln p(z, y) = Psi^-1 (y - m - W z) z^T, whose posterior mean needs E z and E z z^T only
    second = covariance + mean.T @ mean
    by_identity = ((Y - MODEL.mean)[:, None] @ mean - MODEL.loadings @ second) / MODEL.noise[:, None]
    assert torch.allclose(direct, by_identity, atol=1e-10)
