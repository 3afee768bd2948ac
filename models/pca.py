"""Initialisation of a training by the layer-wise principal components of pictures.

From a random start, the first thousand steps learn something like a block transform. The optimal linear autoencoder
is known in closed form, it is PCA (see `theory/factor_analysis.py` and THEORY.md); so each analysis layer starts as the
leading components of its own blocks, and the synthesis as its transpose.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.constants import MID_GREY
from lic.models.gdn import GDN, to_root
from lic.models.transforms import Analysis, SubPixelConv, Synthesis

TAP_NOISE = 0.02  # relative to the usual scale: breaks the symmetry of unused taps
START_GAMMA = 1e-3  # keeps GDN near the identity


def principal_components(blocks: Tensor, count: int) -> Tensor:
    """The `count` leading principal directions of samples x features, as rows; zero rows if there are fewer."""
    blocks = blocks.double()
    centred = blocks - blocks.mean(0)
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    rows = vectors.flip(1).T[:count]
    return F.pad(rows, (0, 0, 0, count - len(rows))).to(torch.float32)


@torch.no_grad()
def pca_transforms(analysis: Analysis, synthesis: Synthesis, pictures: Tensor) -> None:
    """Overwrite both transforms by the layer-wise PCA of `pictures` (B x 3 x H x W in 0..1)."""
    for layer in (*analysis, *synthesis):
        if isinstance(layer, GDN):
            layer.beta_root.fill_(1.0)
            layer.gamma_root.copy_(to_root(START_GAMMA * torch.eye(len(layer.beta_root))))
    signal = pictures - MID_GREY
    upward = [layer for layer in synthesis if isinstance(layer, SubPixelConv)]
    for layer in analysis:
        if isinstance(layer, nn.Conv2d):
            r = layer.stride[0]
            blocks = F.unfold(signal, r, stride=r).transpose(1, 2).flatten(0, 1)
            basis = principal_components(blocks, layer.out_channels)
            basis = basis.reshape(layer.out_channels, layer.in_channels, r, r)
            _set_block_transform(layer, upward.pop(), basis)
        signal = layer(signal)


def _set_block_transform(down: nn.Conv2d, up: SubPixelConv, basis: Tensor) -> None:
    """Put an orthonormal block transform (out x in x r x r) into a strided convolution, its transpose into `up`."""
    r = down.stride[0]
    for layer in (down, up):
        assert layer.bias is not None
        nn.init.kaiming_uniform_(layer.weight, a=5**0.5).mul_(TAP_NOISE)
        nn.init.zeros_(layer.bias)
    start = down.kernel_size[0] // 2
    down.weight[:, :, start : start + r, start : start + r] += basis
    # up's channels are ordered (row, column, channel): see `depth_to_space`.
    centre = up.kernel_size[0] // 2
    up.weight[:, :, centre, centre] += basis.permute(2, 3, 1, 0).reshape(up.out_channels, up.in_channels)


@torch.no_grad()
def pca_start(model: RateDistortionAutoencoder, pictures: Tensor) -> None:
    """Initialise transforms by the principal components of `pictures`, densities and gains by their latents.

    Layers of one's own begin as they initialise themselves.
    """
    if not model.architecture.is_own:
        pca_transforms(model.analysis, model.synthesis, pictures)
    fit_latents(model, model.analysis(pictures))


@torch.no_grad()
def fit_latents(model: RateDistortionAutoencoder, y: Tensor) -> None:
    """Initialise densities and inverse gains by latents y of pictures.

    With noise instead of rounding, it is better to shrink latents of small variance: the inverse gains start at
    Wiener's value, step * var / (var + step^2 / 12).
    """
    model.density.rescale(y)
    model.density.fit(y)
    variance = y.transpose(0, 1).flatten(1).var(dim=1)
    step = (-model.log_gain).exp()
    model.log_inverse_gain.copy_((step * variance / (variance + step**2 / 12)).log())
