"""The noisy-channel rate-distortion autoencoder: a rate without a code.

    minimise   E_x KL(q(z|x), N(0, I)) + D(x, decode(z)) / g        z = mean(x) + s(x) * epsilon

The channel z carries I(x, z) = E_x KL(q(z|x), q(z)), where q(z) = E_x q(z|x) is the aggregate posterior. It is
intractable, but replacing it by any other density only increases the KL:

    E_x KL(q(z|x), p(z)) = I(x, z) + KL(q(z), p(z)) >= I(x, z)

so the KL to N(0, I) bounds the rate. Network and loss are those of the VAE: Gaussian noise of the fixed scale

    sigma^2 = 3 / (2 lambda ln 2)       in squared grey levels

makes -ELBO, up to a constant, the rate in bits per pixel plus lambda times the mean squared error. A VAE learns
this trade-off; here g = 1 / lambda is given, in the unit of the distortion.
"""

import math

import torch
from torch import Tensor

from lic.models.constants import PEAK
from lic.models.distortion import mse
from lic.models.theory.gaussian import DiagonalGaussian
from lic.models.theory.vae import Explained, Vae


def noise_variance(lambda_: float) -> float:
    """sigma^2 in squared grey levels, such that 1 / (2 sigma^2) = lambda ln 2 / 3 (three values per pixel).

    >>> round(noise_variance(0.01), 1)
    216.4
    """
    return 3 / (2 * lambda_ * math.log(2))


def fix_trade_off(vae: Vae, lambda_: float) -> None:
    """Turn a VAE into a noisy-channel autoencoder: set the scale of its noise, and do not train it."""
    vae.log_scale.requires_grad_(False).fill_(math.log(noise_variance(lambda_)) / 2 - math.log(PEAK))


def rate_and_distortion(explained: Explained, x: Tensor) -> tuple[Tensor, Tensor]:
    """Bits per pixel by the KL, and mean squared error in grey levels, of each picture of a batch."""
    bits = explained.kl.sum(1) / math.log(2) / x[0, 0].numel()
    return bits, mse(explained.reconstruction, x)


def information_estimate(q: DiagonalGaussian, z: Tensor) -> Tensor:
    """I(x, z) in nats, from N samples z_i of N posteriors q(z|x_i), both N x D:

        mean_i  ln q(z_i|x_i) - ln (1/N) sum_j q(z_i|x_j)

    The sum estimates q(z). The estimate is biased downwards and never exceeds ln N.
    """
    log_q = DiagonalGaussian(q.mean[None], q.log_variance[None]).log_density(z[:, None]).sum(-1)
    return (log_q.diagonal() - log_q.logsumexp(1) + math.log(len(z))).mean()


def gaussian_information(covariance: Tensor, channel: Tensor, noise_variance: Tensor) -> Tensor:
    """I(x, z) in nats for x ~ N(m, covariance), z = channel x + noise of the given variances (D):

        ln det(I + S^-1 A C A^T) / 2

    >>> gaussian_information(torch.eye(1), torch.eye(1), torch.ones(1))
    tensor(0.3466)
    """
    signal = channel @ covariance @ channel.T
    return torch.logdet(torch.eye(len(signal), dtype=signal.dtype) + signal / noise_variance[:, None]) / 2
