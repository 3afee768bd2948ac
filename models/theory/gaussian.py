"""Gaussians: diagonal ones, which networks can produce and sample, and full ones, which EM needs.

    ln N(z; m, s^2)   = -(z - m)^2 / 2 s^2 - ln s - ln(2 pi) / 2
    H(N(m, s^2))      = ln s + (1 + ln 2 pi) / 2
    KL(N(a, s^2), N(b, t^2)) = (s^2 + (a - b)^2) / 2 t^2 + ln(t / s) - 1/2

All in nats. A diagonal Gaussian's coordinates are independent, so its functions return one value per
coordinate, and the caller sums.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


class DiagonalGaussian(NamedTuple):
    """N(mean, diag(exp(log_variance))).

    >>> q = DiagonalGaussian(torch.zeros(2, 3), torch.zeros(2, 3))
    >>> q.sample().shape
    torch.Size([2, 3])
    >>> q.log_density(q.mean)[0].exp()
    tensor([0.3989, 0.3989, 0.3989])
    """

    mean: Tensor
    log_variance: Tensor

    @property
    def deviation(self) -> Tensor:
        return (self.log_variance / 2).exp()

    def sample(self, epsilon: Tensor | None = None) -> Tensor:
        """The reparametrised sample z = mean + deviation * epsilon, which is differentiable.

        `epsilon` is standard normal noise, drawn here unless given.
        """
        return self.mean + self.deviation * (torch.randn_like(self.mean) if epsilon is None else epsilon)

    def log_density(self, z: Tensor) -> Tensor:
        return -0.5 * ((z - self.mean).square() / self.log_variance.exp() + self.log_variance + LOG_2PI)

    def entropy(self) -> Tensor:
        return 0.5 * (self.log_variance + 1 + LOG_2PI)


def standard_normal(like: Tensor) -> DiagonalGaussian:
    """N(0, I) in the shape of `like`."""
    return DiagonalGaussian(torch.zeros_like(like), torch.zeros_like(like))


def kl(q: DiagonalGaussian, p: DiagonalGaussian) -> Tensor:
    """KL(q, p) = E_q ln q - ln p in closed form, per coordinate.

    >>> q = DiagonalGaussian(torch.tensor([1.0]), torch.tensor([0.0]))
    >>> kl(q, standard_normal(q.mean))
    tensor([0.5000])
    """
    squares = (q.mean - p.mean).square() + q.log_variance.exp()
    return 0.5 * (squares / p.log_variance.exp() + p.log_variance - q.log_variance - 1)


def standardise(q: DiagonalGaussian, p: DiagonalGaussian) -> DiagonalGaussian:
    """q in coordinates in which p is N(0, I): KL(q, p) does not change.

        z' = (z - mean_p) / deviation_p

    So a prior N(0, I) loses no generality: the layer after z can undo the change of coordinates.
    """
    return DiagonalGaussian((q.mean - p.mean) / p.deviation, q.log_variance - p.log_variance)


def log_normal(y: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """ln N(y; mean, covariance) of vectors y (... x N x D), N of them for each covariance (... x D x D).

    >>> log_normal(torch.zeros(5, 2), torch.zeros(2), torch.eye(2)).shape
    torch.Size([5])
    """
    factor = torch.linalg.cholesky(covariance)
    white = torch.linalg.solve_triangular(factor, (y - mean).mT, upper=False)
    log_det = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1, keepdim=True)
    return -0.5 * (white.square().sum(-2) + log_det + y.shape[-1] * LOG_2PI)


def kl_normal(mean_q: Tensor, covariance_q: Tensor, mean_p: Tensor, covariance_p: Tensor) -> Tensor:
    """KL between two Gaussians with full covariances, in closed form."""
    precision = torch.linalg.inv(covariance_p)
    shift = mean_p - mean_q
    trace = (precision * covariance_q.mT).sum((-2, -1))
    square = (shift[..., None, :] @ precision @ shift[..., None])[..., 0, 0]
    log_ratio = torch.logdet(covariance_p) - torch.logdet(covariance_q)
    return 0.5 * (trace + square - mean_q.shape[-1] + log_ratio)
