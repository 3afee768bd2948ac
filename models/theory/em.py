"""Expectation maximisation for mixtures of Gaussians: alternating maximisation of the ELBO.

    p(y) = sum_i w_i N(y; m_i, S_i)
    E step   r_i(y) = w_i N(y; m_i, S_i) / p(y)                      raises the ELBO to ln p(y)
    M step   w_i = E r_i,   m_i = E[r_i y] / w_i,   S_i = E[r_i (y - m_i)(y - m_i)^T] / w_i

with E the mean over the data. *Hard EM* moves all of r(y) to its largest element, and maximises the hard ELBO
(without the entropy of q). Covariances are regularised by a floor under their eigenvalues: clipping the eigenvalues of
S_i maximises the ELBO under that constraint, so that, unlike with a ridge, the likelihood still never falls,
and it is bounded.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from lic.models.theory.elbo import elbo, hard_elbo
from lic.models.theory.gaussian import log_normal


class Mixture(NamedTuple):
    """A mixture of K Gaussians over vectors of D numbers."""

    weights: Tensor  # K
    means: Tensor  # K x D
    covariances: Tensor  # K x D x D

    def log_prior(self) -> Tensor:
        """ln w, K."""
        return self.weights.log()

    def log_likelihoods(self, y: Tensor) -> Tensor:
        """ln p(y | i) of vectors y (N x D), K x N."""
        return log_normal(y, self.means[:, None], self.covariances)

    def log_joint(self, y: Tensor) -> Tensor:
        """ln p(i, y), K x N."""
        return self.log_prior()[:, None] + self.log_likelihoods(y)

    def log_density(self, y: Tensor) -> Tensor:
        """ln p(y), N."""
        return self.log_joint(y).logsumexp(0)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n vectors, n x D."""
        i = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        epsilon = torch.randn(n, self.means.shape[1], generator=generator, dtype=self.means.dtype)
        return self.means[i] + (torch.linalg.cholesky(self.covariances)[i] @ epsilon[:, :, None])[:, :, 0]


class HalfStep(NamedTuple):
    """The state of EM after an E or an M step; means over the data, in nats."""

    step: Literal["E", "M"]
    elbo: float
    log_likelihood: float
    mixture: Mixture


def e_step(mixture: Mixture, y: Tensor, hard: bool = False) -> Tensor:
    """Responsibilities p(i | y), K x N; one-hot if `hard`.

    >>> mixture = Mixture(torch.ones(2) / 2, torch.tensor([[0.0], [4.0]]), torch.ones(2, 1, 1))
    >>> e_step(mixture, torch.tensor([[2.0]])).T
    tensor([[0.5000, 0.5000]])
    """
    log_joint = mixture.log_joint(y)
    if hard:
        return torch.nn.functional.one_hot(log_joint.argmax(0), len(log_joint)).T.to(y.dtype)
    return (log_joint - log_joint.logsumexp(0)).exp()


def m_step(y: Tensor, responsibilities: Tensor, floor: float = 1e-6) -> Mixture:
    """The maximum-likelihood mixture for given responsibilities, with no variance below `floor`.

    A component without any responsibility gets weight zero and the mean and covariance of all the data.
    """
    counts = responsibilities.sum(1)
    shares = responsibilities / counts[:, None]
    shares = torch.where(counts[:, None] > 0, shares, 1 / len(y))
    means = shares @ y
    centred = y - means[:, None]
    values, vectors = torch.linalg.eigh((shares[:, :, None] * centred).mT @ centred)
    covariances = vectors @ (values.clamp(min=floor)[:, :, None] * vectors.mT)
    return Mixture(counts / len(y), means, covariances)


def mixture_elbo(mixture: Mixture, y: Tensor, responsibilities: Tensor, hard: bool = False) -> Tensor:
    """The ELBO (the hard one if `hard`) of each vector, with q = `responsibilities`."""
    log_prior, log_likelihood = mixture.log_prior()[:, None], mixture.log_likelihoods(y)
    if hard:
        return hard_elbo(log_prior, log_likelihood, responsibilities)
    return elbo(log_prior, log_likelihood, responsibilities.log(), responsibilities)


def spread_centres(y: Tensor, k: int, generator: torch.Generator | None = None) -> Tensor:
    """k-means++: k of the vectors, each drawn in proportion to its squared distance from those before."""
    chosen = [int(torch.randint(len(y), (1,), generator=generator))]
    for _ in range(k - 1):
        distance = (y[:, None] - y[chosen]).square().sum(-1).amin(1)
        if not distance.any():  # fewer different vectors than centres
            distance = torch.ones_like(distance)
        chosen.append(int(torch.multinomial(distance, 1, generator=generator)))
    return y[chosen]


def start(y: Tensor, k: int, floor: float = 1e-6, generator: torch.Generator | None = None) -> Mixture:
    """A k-means++ start: each vector belongs to the nearest of k spread centres."""
    nearest = torch.cdist(y, spread_centres(y, k, generator)).argmin(1)
    return m_step(y, torch.nn.functional.one_hot(nearest, k).T.to(y.dtype), floor)


def fit(
    y: Tensor,
    k: int,
    *,
    hard: bool = False,
    iterations: int = 100,
    tolerance: float = 1e-8,
    floor: float = 1e-6,
    generator: torch.Generator | None = None,
) -> list[HalfStep]:
    """EM from a k-means++ start, until a round of both steps gains less than `tolerance`. Returns all half-steps.

    >>> y = torch.cat([torch.randn(50, 1) - 9, torch.randn(50, 1) + 9])
    >>> fit(y, 2)[-1].mixture.weights
    tensor([0.5000, 0.5000], dtype=torch.float64)
    """
    y = y.double()
    mixture = start(y, k, floor, generator)
    steps: list[HalfStep] = []

    def record(step: Literal["E", "M"], responsibilities: Tensor) -> None:
        bound = float(mixture_elbo(mixture, y, responsibilities, hard).mean())
        steps.append(HalfStep(step, bound, float(mixture.log_density(y).mean()), mixture))

    for _ in range(iterations):
        responsibilities = e_step(mixture, y, hard)
        record("E", responsibilities)
        mixture = m_step(y, responsibilities, floor)
        record("M", responsibilities)
        if len(steps) > 2 and steps[-1].elbo - steps[-3].elbo < tolerance:
            break
    return steps


def condition(mixture: Mixture, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Split vectors (x, y) under a mixture: p(y | x) = sum_i p(i | x) N(y; a_i(x), C_i).

    Returns ln p(i | x) (K x N), the conditional means a_i(x) (K x N x rest) and covariances C_i.

        a_i(x) = m_y + S_yx S_xx^-1 (x - m_x),   C_i = S_yy - S_yx S_xx^-1 S_xy
    """
    d = x.shape[1]
    over_x = Mixture(mixture.weights, mixture.means[:, :d], mixture.covariances[:, :d, :d])
    log_joint = over_x.log_joint(x)
    slope = torch.linalg.solve(over_x.covariances, mixture.covariances[:, :d, d:]).mT
    means = mixture.means[:, None, d:] + (x - over_x.means[:, None]) @ slope.mT
    covariances = mixture.covariances[:, d:, d:] - slope @ mixture.covariances[:, :d, d:]
    return log_joint - log_joint.logsumexp(0), means, covariances
