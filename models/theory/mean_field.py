"""Mean-field variational inference by coordinate ascent, for a Gaussian of unknown mean and precision.

    t ~ Gamma(a0, b0),   m | t ~ N(m0, 1 / (k0 t)),   y_1 .. y_n | m, t ~ N(m, 1 / t)

The posterior couples m and t. The mean field q(m) q(t) does not; each factor in turn becomes the best one
given the other, ln q(m) = E_q(t) ln p(y, m, t) + const, which here keeps them Gaussian and Gamma:

    q(m) = N(mean, 1 / precision),   mean = (k0 m0 + sum y) / (k0 + n),   precision = (k0 + n) E[t]
    q(t) = Gamma(shape, rate),       shape = a0 + (n + 1) / 2,
                                     rate = b0 + E[ sum (y - m)^2 + k0 (m - m0)^2 ] / 2
(Bishop 2006, section 10.1.3.) The model is conjugate, so the evidence that the ELBO bounds is known.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lic.models.theory.gaussian import LOG_2PI


class NormalGamma(NamedTuple):
    """The prior: t ~ Gamma(a, b), m | t ~ N(m, 1 / (k t))."""

    m: float = 0.0
    k: float = 1.0
    a: float = 1.0
    b: float = 1.0


class MeanField(NamedTuple):
    """q(m) = N(mean, 1 / precision) and q(t) = Gamma(shape, rate)."""

    mean: float
    precision: float
    shape: float
    rate: float


def expected_squares(q: MeanField, prior: NormalGamma, y: Tensor) -> float:
    """E_q(m) [sum (y - m)^2 + k (m - m0)^2]."""
    around = float((y - q.mean).square().sum()) + prior.k * (q.mean - prior.m) ** 2
    return around + (len(y) + prior.k) / q.precision


def update_mean(q: MeanField, prior: NormalGamma, y: Tensor) -> MeanField:
    """The best q(m) for the present q(t)."""
    mean = (prior.k * prior.m + float(y.sum())) / (prior.k + len(y))
    return q._replace(mean=mean, precision=(prior.k + len(y)) * q.shape / q.rate)


def update_precision(q: MeanField, prior: NormalGamma, y: Tensor) -> MeanField:
    """The best q(t) for the present q(m)."""
    shape = prior.a + (len(y) + 1) / 2
    return q._replace(shape=shape, rate=prior.b + expected_squares(q, prior, y) / 2)


def mean_field_elbo(q: MeanField, prior: NormalGamma, y: Tensor) -> float:
    """E_q ln p(y, m, t) + H(q(m)) + H(q(t)), in closed form."""
    n, t = len(y), q.shape / q.rate
    log_t = float(torch.digamma(torch.tensor(q.shape, dtype=torch.float64))) - math.log(q.rate)
    joint = (n + 1) / 2 * (log_t - LOG_2PI) + math.log(prior.k) / 2 - t / 2 * expected_squares(q, prior, y)
    joint += prior.a * math.log(prior.b) - math.lgamma(prior.a) + (prior.a - 1) * log_t - prior.b * t
    entropy_mean = (1 + LOG_2PI - math.log(q.precision)) / 2
    entropy_t = q.shape - math.log(q.rate) + math.lgamma(q.shape) + (1 - q.shape) * (log_t + math.log(q.rate))
    return joint + entropy_mean + entropy_t


def log_evidence(prior: NormalGamma, y: Tensor) -> float:
    """ln p(y), by conjugacy."""
    n = len(y)
    k, a = prior.k + n, prior.a + n / 2
    squares = float((y - y.mean()).square().sum()) + prior.k * n / k * (float(y.mean()) - prior.m) ** 2
    b = prior.b + squares / 2
    gammas = math.lgamma(a) - a * math.log(b) - math.lgamma(prior.a) + prior.a * math.log(prior.b)
    return gammas + math.log(prior.k / k) / 2 - n / 2 * LOG_2PI


def coordinate_ascent(y: Tensor, prior: NormalGamma, rounds: int = 20) -> list[tuple[MeanField, float]]:
    """q and its ELBO after each update, starting from the prior's own moments.

    >>> path = coordinate_ascent(torch.tensor([0.9, 1.0, 1.1]), NormalGamma())
    >>> path[-1][1] >= path[0][1]
    True
    """
    y = y.double()
    q = MeanField(prior.m, prior.k, prior.a, prior.b)
    path = []
    for _ in range(rounds):
        for update in (update_mean, update_precision):
            q = update(q, prior, y)
            path.append((q, mean_field_elbo(q, prior, y)))
    return path
