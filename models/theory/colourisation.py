"""Colourisation with a latent segmentation, by EM on a mixture.

    P(y|x) = sum_z P(z|x) P(y|z, x)

x describes the grey picture around a pixel, y is the pixel's colour, z the segment that it belongs to. A mixture of
Gaussians over (x, y) contains both factors: P(z|x) segments by grey alone, and P(y|z, x) is a Gaussian whose mean is
linear in x: the intrinsic colour of the segment under its light.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lic.models.theory.conditional import LUMINANCE, luminance
from lic.models.theory.em import Mixture, condition, fit
from lic.models.theory.gaussian import log_normal

SURROUNDINGS = (5, 17)  # sides of the squares whose mean grey is part of x
FLOOR = 1e-4  # smallest variance: about (2.5 grey levels)^2


def grey_features(grey: Tensor) -> Tensor:
    """x of each pixel of a grey picture (1 x H x W): its value, two means around it, and its row. HW x 4.

    >>> grey_features(torch.rand(1, 8, 6)).shape
    torch.Size([48, 4])
    """
    _, height, width = grey.shape
    means = [
        F.avg_pool2d(grey[None], side, stride=1, padding=side // 2, count_include_pad=False)[0] for side in SURROUNDINGS
    ]
    rows = torch.linspace(0, 1, height)[None, :, None].expand(1, height, width)
    return torch.cat([grey, *means, rows]).flatten(1).T.double()


def colour_features(picture: Tensor) -> Tensor:
    """y of each pixel of a picture (3 x H x W): red and blue minus luminance. HW x 2."""
    return (picture[::2] - luminance(picture[None])[0]).flatten(1).T.double()


def fit_segments(
    pictures: list[Tensor], segments: int, *, pixels: int = 8000, generator: torch.Generator | None = None
) -> Mixture:
    """A mixture over (x, y), fitted to `pixels` random pixels of the pictures (each 3 x H x W in 0..1)."""
    grey = torch.cat([grey_features(luminance(picture[None])[0]) for picture in pictures])
    samples = torch.cat([grey, torch.cat([colour_features(picture) for picture in pictures])], dim=1)
    chosen = samples[torch.randperm(len(samples), generator=generator)[:pixels]]
    return fit(chosen, segments, floor=FLOOR, iterations=60, tolerance=1e-5, generator=generator)[-1].mixture


def colourise(mixture: Mixture, grey: Tensor) -> tuple[Tensor, Tensor]:
    """The expected picture given a grey one (1 x H x W), and its segmentation P(z|x) (K x H x W).

    E[y|x] = sum_z P(z|x) E[y|z, x]
    """
    log_shares, means, _ = condition(mixture, grey_features(grey))
    red, blue = (log_shares.exp()[:, :, None] * means).sum(0).T.float().unflatten(1, grey.shape[1:])
    green = -(LUMINANCE[0] * red + LUMINANCE[2] * blue) / LUMINANCE[1]  # luminance of the difference is zero
    return grey + torch.stack([red, green, blue]), log_shares.exp().unflatten(1, grey.shape[1:])


def colour_log_density(mixture: Mixture, picture: Tensor) -> Tensor:
    """ln P(y|x) of each pixel of a picture (3 x H x W), in nats."""
    log_shares, means, covariances = condition(mixture, grey_features(luminance(picture[None])[0]))
    log_colour = log_normal(colour_features(picture), means, covariances)
    return (log_shares + log_colour).logsumexp(0).unflatten(0, picture.shape[1:])
