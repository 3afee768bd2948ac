"""Factor analysis by EM; probabilistic PCA, which has a closed form; and the linear autoencoder, which finds PCA.

    z ~ N(0, I),   y | z ~ N(W z + m, Psi),   Psi diagonal   =>   y ~ N(m, W W^T + Psi)
    E step   G = (I + W^T Psi^-1 W)^-1,   E[z] = G W^T Psi^-1 (y - m),   E[z z^T] = G + E[z] E[z]^T
    M step   W = (sum (y - m) E[z]^T) (sum E[z z^T])^-1,   Psi = diag mean((y - m - W E[z]) (y - m)^T)

A VAE is the non-linear generalisation: networks replace W and the posterior mean.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lic.models.theory.gaussian import log_normal


class FactorAnalysis(NamedTuple):
    """Loadings W (D x L), noise variances diag Psi (D) and mean m (D)."""

    loadings: Tensor
    noise: Tensor
    mean: Tensor

    def covariance(self) -> Tensor:
        return self.loadings @ self.loadings.T + self.noise.diag()

    def log_evidence(self, y: Tensor) -> Tensor:
        """ln p(y) of vectors y (N x D)."""
        return log_normal(y, self.mean, self.covariance())

    def posterior(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """p(z | y): its means (N x L) and its covariance G (L x L), which all y share."""
        scaled = self.loadings / self.noise[:, None]
        precision = torch.eye(scaled.shape[1], dtype=y.dtype) + self.loadings.T @ scaled
        covariance = torch.linalg.inv(precision)
        return (y - self.mean) @ scaled @ covariance, covariance

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n vectors y, n x D."""
        d, latents = self.loadings.shape
        z = torch.randn(n, latents, generator=generator, dtype=self.mean.dtype)
        epsilon = torch.randn(n, d, generator=generator, dtype=self.mean.dtype)
        return self.mean + z @ self.loadings.T + self.noise.sqrt() * epsilon


def em_step(model: FactorAnalysis, y: Tensor, isotropic: bool = False) -> FactorAnalysis:
    """One E and one M step; `isotropic` keeps all noise variances equal, as in probabilistic PCA."""
    z, covariance = model.posterior(y)
    centred = y - model.mean
    cross = centred.T @ z
    loadings = torch.linalg.solve(len(y) * covariance + z.T @ z, cross.T).T
    noise = (centred.square().sum(0) - (loadings * cross).sum(1)) / len(y)
    if isotropic:
        noise = noise.mean().expand_as(noise)
    return FactorAnalysis(loadings, noise.clamp(min=1e-12), model.mean)


def fit(y: Tensor, latents: int, *, isotropic: bool = False, iterations: int = 200) -> FactorAnalysis:
    """Maximum likelihood by EM, started from the closed form of probabilistic PCA. The loadings are halved
    first, because EM would not move away from a stationary point.

    >>> model = fit(torch.randn(100, 4), latents=1)
    >>> model.loadings.shape, model.noise.shape
    (torch.Size([4, 1]), torch.Size([4]))
    """
    y = y.double()
    model = probabilistic_pca(y, latents)
    model = model._replace(loadings=model.loadings / 2)
    for _ in range(iterations):
        model = em_step(model, y, isotropic)
    return model


def probabilistic_pca(y: Tensor, latents: int) -> FactorAnalysis:
    """Factor analysis with equal noise variances, by its closed form (Tipping and Bishop 1999):

        s^2 = mean of the D - L smallest eigenvalues of the covariance,   W = U (Lambda - s^2 I)^(1/2)

    As s^2 tends to 0 this is PCA.
    """
    values, vectors = torch.linalg.eigh(torch.cov(y.T, correction=0))
    kept, rest = values.flip(0)[:latents], values.flip(0)[latents:]
    noise = rest.mean().clamp(min=1e-12)
    loadings = vectors.flip(1)[:, :latents] * (kept - noise).clamp(min=0).sqrt()
    return FactorAnalysis(loadings, noise.expand(y.shape[1]).clone(), y.mean(0))


class LinearAutoencoder(NamedTuple):
    """y -> decoder (encoder (y - mean)) + mean."""

    encoder: Tensor  # L x D
    decoder: Tensor  # D x L
    mean: Tensor  # D

    def reconstruct(self, y: Tensor) -> Tensor:
        return (y - self.mean) @ self.encoder.T @ self.decoder.T + self.mean


def train_linear_autoencoder(
    y: Tensor, latents: int, *, steps: int = 2000, rate: float = 0.3, generator: torch.Generator | None = None
) -> LinearAutoencoder:
    """Gradient descent on the mean squared error, from a random start.

    All its minima span the leading principal components (Baldi and Hornik 1989), and saddles are the only
    other stationary points. `rate` is relative to the largest variance.
    """
    y = y.double()
    mean = y.mean(0)
    covariance = torch.cov(y.T, correction=0)
    covariance = covariance / torch.linalg.eigvalsh(covariance)[-1]
    d = y.shape[1]
    encoder = torch.randn(latents, d, generator=generator, dtype=y.dtype) / d**0.5
    decoder = torch.randn(d, latents, generator=generator, dtype=y.dtype) / d**0.5
    for _ in range(steps):
        # E |y - D E y|^2 = tr (I - D E) C (I - D E)^T
        error = (torch.eye(d, dtype=y.dtype) - decoder @ encoder) @ covariance
        encoder, decoder = encoder + rate * decoder.T @ error, decoder + rate * error @ encoder.T
    return LinearAutoencoder(encoder, decoder, mean)


def span_alignment(a: Tensor, b: Tensor) -> float:
    """The smallest cosine of the principal angles between the column spans of a and b: 1 if they agree.

    >>> round(span_alignment(torch.eye(3)[:, :2], torch.eye(3)[:, :2] * 5), 6)
    1.0
    """
    return float(torch.linalg.svdvals(torch.linalg.qr(a).Q.T @ torch.linalg.qr(b).Q).min())
