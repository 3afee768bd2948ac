"""Posterior collapse.

A decoder that explains y without z lets q(z|y) be the prior: then z carries no information. In the linear VAE the
optimum is known. A direction of variance v in the data, under noise of variance g, is decoded with the weight
sqrt(v - g), and its posterior has variance g / v; directions below the noise get weight zero and collapse. Its KL,
averaged over the data, is ln(v / g) / 2.
"""

from torch import Tensor


def posterior_variances(variances: Tensor, noise: float) -> Tensor:
    """The posterior variance of each direction at the optimum; it is one where the direction has collapsed."""
    return (noise / variances).clamp(max=1)


def nats(variances: Tensor, noise: float) -> Tensor:
    """The mean KL of each direction to the prior N(0, 1) at the optimum."""
    return (variances / noise).clamp(min=1).log() / 2
