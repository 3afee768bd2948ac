"""The variational autoencoder for pictures, on the codec's layers.

    z ~ N(0, I)
    q(z|x) = N(mean(x), diag(s(x)^2))      (mean, ln s^2) = Analysis(x), with twice the latent channels
    p(x|z) = noise around Synthesis(z)     Gaussian or Laplace, one learned scale g per colour
    ELBO   = E_q ln p(x|z) - KL(q(z|x), N(0, I))

Factor analysis with networks for the loadings and the posterior mean, trained by gradient steps on both instead of
E and M steps. The latents form a grid, like the codec's, so any picture size that is a multiple of 16 is possible.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lic.models.architecture import Architecture
from lic.models.constants import DOWNSAMPLING
from lic.models.pca import pca_transforms
from lic.models.theory.gaussian import DiagonalGaussian, kl, standard_normal
from lic.models.theory.likelihood import Noise, log_density, log_probability
from lic.models.transforms import Analysis, Synthesis

LOG_VARIANCE_RANGE = (-14.0, 4.0)  # keeps exp() and its gradient finite
ACTIVE_VARIANCE = 0.01


class Explained(NamedTuple):
    """The result of `Vae.forward`, in nats."""

    reconstruction: Tensor  # B x 3 x H x W: the mean of p(x|z) for a sampled z, not clipped
    log_likelihood: Tensor  # B: ln p(x|z)
    kl: Tensor  # B x M: KL(q(z|x), N(0, I)) of each channel, summed over positions
    mean: Tensor  # B x M x H/16 x W/16, of q(z|x)


class Vae(nn.Module):
    """Analysis, Synthesis and the scale of the noise around its pictures.

    >>> vae = Vae(n=8, m=4)
    >>> explained = vae(torch.rand(2, 3, 32, 48))
    >>> explained.log_likelihood.shape, explained.kl.shape
    (torch.Size([2]), torch.Size([2, 4]))
    """

    def __init__(self, n: int = 64, m: int = 32, noise: Noise = "gaussian") -> None:
        super().__init__()
        self.n, self.m, self.noise = n, m, noise
        self.analysis = Analysis(Architecture(n=n, m=2 * m).analysis)
        self.synthesis = Synthesis(Architecture(n=n, m=m).synthesis)
        self.log_scale = nn.Parameter(torch.full((3,), math.log(0.1)))

    def encode(self, x: Tensor) -> DiagonalGaussian:
        """q(z|x)."""
        mean, log_variance = self.analysis(x).float().chunk(2, dim=1)
        return DiagonalGaussian(mean, log_variance.clamp(*LOG_VARIANCE_RANGE))

    def decode(self, z: Tensor) -> Tensor:
        """The mean (and mode) of p(x|z)."""
        picture: Tensor = self.synthesis(z).float()
        return picture

    def forward(self, x: Tensor, epsilon: Tensor | None = None) -> Explained:
        """One reparametrised sample; `epsilon` is its standard normal noise, drawn unless given."""
        q = self.encode(x)
        reconstruction = self.decode(q.sample(epsilon))
        log_likelihood = log_density(self.noise, x, reconstruction, self.log_scale[:, None, None])
        divergence = kl(q, standard_normal(q.mean)).sum(dim=(2, 3))
        return Explained(reconstruction, log_likelihood.sum(dim=(1, 2, 3)), divergence, q.mean)

    def sample(self, count: int, height: int, width: int, generator: torch.Generator | None = None) -> Tensor:
        """Pictures decoded from samples of the prior."""
        size = (count, self.m, height // DOWNSAMPLING, width // DOWNSAMPLING)
        return self.decode(torch.randn(size, generator=generator, device=self.log_scale.device))

    def reconstruct(self, x: Tensor) -> Tensor:
        """The MAP reconstruction: the posterior mean, decoded without sampling."""
        return self.decode(self.encode(x).mean)

    def uncertainty(self, x: Tensor, samples: int = 16, generator: torch.Generator | None = None) -> Tensor:
        """Standard deviation of each value of the picture over samples of the posterior."""
        q = self.encode(x)
        epsilon = torch.randn((samples, *q.mean.shape), generator=generator, device=q.mean.device)
        return torch.stack([self.decode(q.sample(e)) for e in epsilon]).std(0)


def negative_elbo(explained: Explained, beta: float = 1.0, free_nats: float = 0.0) -> Tensor:
    """-ELBO in nats, the mean over the batch.

    Two remedies against posterior collapse change it while training: a `beta` that rises from 0 to 1 (KL
    warm-up), and free bits (Kingma et al. 2016), which charge the KL of a channel
    only beyond a mean of `free_nats` per picture.
    """
    divergence = explained.kl.mean(0).clamp(min=free_nats).sum()
    return beta * divergence - explained.log_likelihood.mean()


def active_units(mean: Tensor, threshold: float = ACTIVE_VARIANCE) -> Tensor:
    """Which channels the encoder uses: the variance of their posterior mean over the data is more than
    `threshold` (Burda, Grosse, Salakhutdinov 2016). In a collapsed channel q(z|x) is the prior for every x.

    >>> active_units(torch.stack([torch.zeros(5, 4, 4), torch.randn(5, 4, 4)], dim=1))
    tensor([False,  True])
    """
    return mean.transpose(0, 1).flatten(1).var(dim=1) > threshold


@torch.no_grad()
def bits_per_dimension(vae: Vae, x: Tensor, epsilon: Tensor | None = None) -> Tensor:
    """An upper bound on the lossless code length of 8-bit pictures under this VAE, in bits per colour value (B).

    -ELBO of the *discretised* data: ln P instead of ln p, so it does not depend on the unit of x.
    """
    q = vae.encode(x)
    mean = vae.decode(q.sample(epsilon))
    log_likelihood = log_probability(vae.noise, x, mean, vae.log_scale[:, None, None]).sum(dim=(1, 2, 3))
    divergence = kl(q, standard_normal(q.mean)).sum(dim=(1, 2, 3))
    return (divergence - log_likelihood) / (math.log(2) * x[0].numel())


@torch.no_grad()
def probabilistic_pca_start(vae: Vae, pictures: Tensor) -> None:
    """Initialise with layer-wise probabilistic PCA, the optimum of a linear VAE.

    With variance v of a principal component and noise variance g^2, the latent z = component / sqrt(v) has
    the posterior variance g^2 / (v + g^2) and the mean v / (v + g^2) z: channels below the noise start
    collapsed, the others active.
    """
    analysis = Analysis(Architecture(n=vae.n, m=vae.m).analysis)
    pca_transforms(analysis, vae.synthesis, pictures)
    y = analysis(pictures)
    if vae.log_scale.requires_grad:
        residual = (pictures - vae.synthesis(y)).transpose(0, 1).flatten(1)
        vae.log_scale.copy_(residual.std(dim=1).clamp(min=1e-3).log())
    noise_variance = vae.log_scale.exp().square().mean()
    components = y.transpose(0, 1).flatten(1)
    mean, variance = components.mean(1), components.var(1).clamp(min=1e-8)
    posterior = noise_variance / (variance + noise_variance)

    *inner, last = vae.analysis
    *inner_start, start = analysis
    first = vae.synthesis[0]
    assert isinstance(last, nn.Conv2d) and isinstance(start, nn.Conv2d) and isinstance(first, nn.Conv2d)
    assert last.bias is not None and start.bias is not None and first.bias is not None
    for mine, its_start in zip(inner, inner_start, strict=True):
        mine.load_state_dict(its_start.state_dict())
    scale = (1 - posterior) / variance.sqrt()
    last.weight[: vae.m] = start.weight * scale[:, None, None, None]
    last.bias[: vae.m] = (start.bias - mean) * scale
    last.weight[vae.m :] = 0
    last.bias[vae.m :] = posterior.log()
    first.bias += first.weight.sum((2, 3)) @ mean
    first.weight *= variance.sqrt()[:, None, None]
