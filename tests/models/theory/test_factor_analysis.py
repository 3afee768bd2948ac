"""Factor analysis: EM against the truth and a closed form; the linear autoencoder against PCA."""

import pytest
import torch

from lic.models.pca import principal_components
from lic.models.theory.factor_analysis import (
    FactorAnalysis,
    em_step,
    fit,
    probabilistic_pca,
    span_alignment,
    train_linear_autoencoder,
)


def known(seed: int = 0) -> FactorAnalysis:
    generator = torch.Generator().manual_seed(seed)
    loadings = 2 * torch.randn(6, 2, generator=generator).double()
    noise = 0.2 + torch.rand(6, generator=generator).double()
    return FactorAnalysis(loadings, noise, torch.arange(6).double())


def data(n: int = 5000) -> torch.Tensor:
    return known().sample(n, torch.Generator().manual_seed(1))


def test_em_recovers_a_known_model() -> None:
    truth, found = known(), fit(data(), 2)
    assert torch.allclose(found.mean, truth.mean, atol=0.15)
    assert torch.allclose(found.noise, truth.noise, atol=0.1)
    # Loadings are determined up to a rotation of z: compare the distribution of y, and the span.
    assert torch.allclose(found.covariance(), truth.covariance(), rtol=0.1, atol=0.2)
    assert span_alignment(found.loadings, truth.loadings) > 0.999


def test_the_likelihood_never_falls() -> None:
    y = data(300)
    model = FactorAnalysis(torch.ones(6, 2).double() + torch.eye(6)[:, :2], torch.ones(6).double(), y.mean(0))
    before = float(model.log_evidence(y).mean())
    for _ in range(50):
        model = em_step(model, y)
        after = float(model.log_evidence(y).mean())
        assert after >= before - 1e-10
        before = after


def test_the_posterior_is_that_of_the_joint_gaussian() -> None:
    model, y = known(), data(10)
    means, covariance = model.posterior(y)
    # Conditioning (z, y) ~ N(0, [[I, W^T], [W, W W^T + Psi]]) on y directly, without the matrix lemma.
    gain = model.loadings.T @ torch.linalg.inv(model.covariance())
    assert torch.allclose(means, (y - model.mean) @ gain.T)
    assert torch.allclose(covariance, torch.eye(2).double() - gain @ model.loadings)


def test_em_with_equal_noise_reaches_the_closed_form_of_probabilistic_pca() -> None:
    y = data(1000)
    closed, by_em = probabilistic_pca(y, 2), fit(y, 2, isotropic=True, iterations=1000)
    assert torch.allclose(by_em.noise, closed.noise, rtol=1e-5)
    assert torch.allclose(by_em.covariance(), closed.covariance(), rtol=1e-4, atol=1e-4)
    assert by_em.log_evidence(y).mean() == pytest.approx(float(closed.log_evidence(y).mean()), abs=1e-8)


def test_a_general_prior_is_absorbed_by_loadings_and_mean() -> None:
    """z ~ N(m0, S0) behind loadings W explains y as N(0, I) does behind W S0^(1/2), with the mean m + W m0."""
    model = known()
    prior_mean, root = torch.tensor([1.0, -2.0]).double(), torch.tensor([[1.5, 0.0], [0.4, 0.7]]).double()
    standard = FactorAnalysis(model.loadings @ root, model.noise, model.mean + model.loadings @ prior_mean)
    epsilon = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(2)).double()
    means = model.mean + (prior_mean + epsilon @ root.T) @ model.loadings.T  # of p(y|z), for z of the general prior
    assert torch.allclose(means.mean(0), standard.mean, atol=0.05)
    by_sampling = torch.cov(means.T) + model.noise.diag()
    assert torch.allclose(by_sampling, standard.covariance(), rtol=0.03, atol=0.1)


def test_without_noise_probabilistic_pca_is_pca() -> None:
    generator = torch.Generator().manual_seed(3)
    y = torch.randn(400, 2, generator=generator).double() @ torch.randn(2, 6, generator=generator).double()
    components = principal_components(y, 2).double().T
    errors = []
    for noise in (1.0, 0.1, 0.01):
        noisy = y + noise * torch.randn(400, 6, generator=torch.Generator().manual_seed(4)).double()
        model = probabilistic_pca(noisy, 2)
        assert span_alignment(model.loadings, principal_components(noisy, 2).double().T) > 1 - 1e-6
        explained = model.mean + model.posterior(noisy)[0] @ model.loadings.T
        projected = noisy.mean(0) + (noisy - noisy.mean(0)) @ components @ components.T
        errors.append(float((explained - projected).square().mean().sqrt()))
    assert errors[0] > 5 * errors[1] > 25 * errors[2]  # the posterior mean tends to the projection


def test_unequal_noise_is_worth_its_parameters() -> None:
    y = data(1000)
    gain = fit(y, 2).log_evidence(y).mean() - probabilistic_pca(y, 2).log_evidence(y).mean()
    assert gain > 0.01


def test_a_linear_autoencoder_learns_the_principal_components() -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(500, 8, generator=generator) * torch.tensor([4.0, 3.0, 2.5, 1.0, 0.9, 0.8, 0.7, 0.6])
    y = y @ torch.linalg.qr(torch.randn(8, 8, generator=generator)).Q + 5
    components = principal_components(y, 3).double().T
    autoencoder = train_linear_autoencoder(y, 3, generator=generator)
    assert span_alignment(autoencoder.decoder, components) > 1 - 1e-5
    centred = y.double() - y.double().mean(0)
    by_pca = (centred - centred @ components @ components.T).square().mean()
    by_training = (y.double() - autoencoder.reconstruct(y.double())).square().mean()
    assert by_training == pytest.approx(float(by_pca), rel=1e-4)


def test_whatever_goes_in_what_comes_out_lies_on_the_learned_plane() -> None:
    generator = torch.Generator().manual_seed(5)
    autoencoder = train_linear_autoencoder(data(200), 2, steps=50, generator=generator)
    foreign = 100 * torch.rand(20, 6, generator=generator).double()
    decoded = autoencoder.reconstruct(foreign) - autoencoder.mean
    assert torch.linalg.matrix_rank(torch.cat([decoded, autoencoder.decoder.T]), rtol=1e-9) == 2
