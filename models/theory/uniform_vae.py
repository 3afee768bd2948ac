"""The codec as a VAE: its training loss is the negative ELBO of one with a uniform posterior.

At one lambda point, with gains a and uniform noise instead of rounding,

    q(z|x) = U(a y(x) - 1/2, a y(x) + 1/2)              ln q = 0: its width is one for every x
    p(z)   = F((z + 1/2) / a) - F((z - 1/2) / a)        the density of a y, smoothed by the same box
    p(x|z) = N(x; decode(z), sigma^2 I)                 x in grey levels, sigma^2 = 3 / (2 lambda ln 2)

    -ELBO = -ln p(z) - ln p(x|z) = ln 2 * pixels * loss + values / 2 * ln(2 pi sigma^2)
    loss  = bits per pixel + lambda * MSE

since 1 / 2 sigma^2 corresponds to lambda when the loss is in nats and summed over three values per pixel. Rounding is
the hard EM to this soft EM: z becomes a single point, and -ln p(z) a real code length.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.constants import PEAK
from lic.models.theory.elbo import elbo
from lic.models.theory.gaussian import DiagonalGaussian
from lic.models.theory.noisy_channel import noise_variance


class UniformVae(NamedTuple):
    """A codec model at lambda point number `point`, as a VAE."""

    model: RateDistortionAutoencoder
    point: int

    @property
    def variance(self) -> float:
        """sigma^2 in squared grey levels: 1 / (2 sigma^2) = lambda ln 2 / 3."""
        return noise_variance(self.model.lambdas[self.point])

    def posterior_centre(self, x: Tensor) -> Tensor:
        """a y(x), around which q(z|x) is uniform."""
        y = self.model.latents(x, torch.full((len(x),), self.point, device=x.device))
        return y * self.model.log_gain[self.point].exp()[:, None, None]

    def log_prior(self, z: Tensor) -> Tensor:
        """ln p(z) of each picture of a batch."""
        gain = self.model.log_gain[self.point].exp()[:, None, None]
        density = self.model.density.probability((z - 0.5) / gain, (z + 0.5) / gain)
        return density.log().sum(dim=(1, 2, 3))

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """ln p(x|z) of each picture, x in 0..1, as a density per grey level."""
        mean = self.model.synthesis(self.model.restore(z, torch.tensor([self.point], device=z.device)))
        p = DiagonalGaussian(mean * PEAK, torch.full_like(mean, math.log(self.variance)))
        return p.log_density(x * PEAK).sum(dim=(1, 2, 3))

    def elbo(self, x: Tensor, noise: Tensor) -> Tensor:
        """The ELBO of each picture in nats, estimated from S noises in [-1/2, 1/2) (S x B x M x H/16 x W/16)."""
        centre = self.posterior_centre(x)
        prior = torch.stack([self.log_prior(centre + u) for u in noise])
        likelihood = torch.stack([self.log_likelihood(x, centre + u) for u in noise])
        return elbo(prior, likelihood, log_q=torch.zeros_like(prior))

    def likelihood_constant(self, x: Tensor) -> float:
        """values / 2 * ln(2 pi sigma^2): the constant in -ELBO besides rate and distortion, for one picture."""
        return x[0].numel() / 2 * math.log(2 * math.pi * self.variance)

    def training_loss(self, x: Tensor, noise: Tensor) -> Tensor:
        """The codec's loss of each picture, bits per pixel + lambda * MSE, from the ELBO."""
        return (-self.elbo(x, noise) - self.likelihood_constant(x)) / (math.log(2) * x[0, 0].numel())
