"""Gaussians: closed forms against torch's own, against Monte Carlo, and against each other."""

import torch

from lic.models.theory.gaussian import (
    DiagonalGaussian,
    kl,
    kl_normal,
    log_normal,
    standard_normal,
    standardise,
)

GENERATOR = torch.Generator().manual_seed(0)


def random_gaussian(*shape: int) -> DiagonalGaussian:
    return DiagonalGaussian(
        torch.randn(*shape, generator=GENERATOR).double(), torch.randn(*shape, generator=GENERATOR).double()
    )


def test_density_and_entropy_are_torchs() -> None:
    q = random_gaussian(3, 4)
    reference = torch.distributions.Normal(q.mean, q.deviation)
    z = torch.randn(3, 4, generator=GENERATOR).double()
    assert torch.allclose(q.log_density(z), reference.log_prob(z))
    assert torch.allclose(q.entropy(), reference.entropy())


def test_closed_form_kl_agrees_with_monte_carlo() -> None:
    q, p = random_gaussian(6), random_gaussian(6)
    z = q.sample(torch.randn(20000, 6, generator=GENERATOR).double())
    draws = (q.log_density(z) - p.log_density(z)).sum(1)
    error = draws.std() / len(draws) ** 0.5
    assert abs(kl(q, p).sum() - draws.mean()) < 4 * error


def test_kl_is_zero_only_between_equals() -> None:
    q, p = random_gaussian(6), random_gaussian(6)
    assert torch.allclose(kl(q, q), torch.zeros(6).double(), atol=1e-12)
    assert (kl(q, p) > 0).all()


def test_standardising_the_prior_leaves_the_kl_unchanged() -> None:
    q, p = random_gaussian(5, 3), random_gaussian(3)
    q_standard = standardise(q, p)
    assert torch.allclose(kl(q, p), kl(q_standard, standard_normal(q_standard.mean)))


def test_samples_have_the_moments_and_let_gradients_through() -> None:
    mean = torch.tensor([1.0, -2.0], requires_grad=True)
    log_variance = torch.tensor([0.0, 1.0], requires_grad=True)
    epsilon = torch.randn(50000, 2, generator=GENERATOR)
    z = DiagonalGaussian(mean, log_variance).sample(epsilon)
    assert torch.allclose(z.mean(0), mean, atol=0.03)
    assert torch.allclose(z.var(0), log_variance.exp(), rtol=0.03)
    # E z^2 = mean^2 + exp(log_variance), so its gradients are 2 mean and exp(log_variance)
    z.square().mean(0).sum().backward()
    assert mean.grad is not None and torch.allclose(mean.grad, 2 * mean.detach(), atol=0.06)
    assert log_variance.grad is not None and torch.allclose(log_variance.grad, log_variance.exp(), rtol=0.04)


def test_the_reparametrised_gradient_varies_less_than_the_score_functions() -> None:
    """Both estimate the gradient of E z^2 by the mean; one differentiates z, the other the density of z."""
    mean = torch.full((20000, 1), 1.5, dtype=torch.float64, requires_grad=True)
    q = DiagonalGaussian(mean, torch.zeros_like(mean))
    z = q.sample(torch.randn(20000, 1, generator=GENERATOR).double())
    (through_z,) = torch.autograd.grad(z.square().sum(), mean, retain_graph=True)
    fixed = z.detach()
    (by_score,) = torch.autograd.grad((fixed.square() * q.log_density(fixed)).sum(), mean)
    for draws in (through_z, by_score):
        assert abs(draws.mean() - 3.0) < 4 * draws.std() / len(draws) ** 0.5
    assert through_z.var() < 0.2 * by_score.var()


def test_full_covariances_agree_with_torch() -> None:
    a, b = (torch.randn(3, 3, generator=GENERATOR).double() for _ in range(2))
    first, second = a @ a.T + torch.eye(3), b @ b.T + torch.eye(3)
    mean = torch.randn(3, generator=GENERATOR).double()
    p = torch.distributions.MultivariateNormal(mean, first)
    q = torch.distributions.MultivariateNormal(torch.zeros(3).double(), second)
    y = torch.randn(10, 3, generator=GENERATOR).double()
    assert torch.allclose(log_normal(y, mean, first), p.log_prob(y))
    reference = torch.distributions.kl_divergence(q, p)
    assert torch.allclose(kl_normal(q.mean, second, mean, first), reference)
