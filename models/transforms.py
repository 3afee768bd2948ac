"""Analysis and synthesis as torch modules, built from the layers that an architecture lists.

The layers of Balle, Laparra and Simoncelli (2017) are in `architecture.balle2017`; sub-pixel convolutions replace
their upsampling by zeros: r * r times the channels, rearranged to an r times finer grid.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.constants import MID_GREY
from lic.models.gdn import GDN
from lic.models.layers import Convolution, Layer, Layers, Normalisation, Own, Residual, SubPixel


def depth_to_space(x: Tensor, r: int) -> Tensor:
    """Rearrange r*r*C channels to an r times finer grid with C channels.

    Channels are ordered (row, column, C): with channels-last memory each move is then one long copy, which
    is several times faster than `pixel_shuffle`'s order (C, row, column).

    >>> import torch
    >>> depth_to_space(torch.arange(4.0).reshape(1, 4, 1, 1), 2).squeeze()
    tensor([[0., 1.],
            [2., 3.]])
    """
    b, c, h, w = x.shape
    x = x.permute(0, 2, 3, 1).reshape(b, h, w, r, r, c // r**2)
    x = x.transpose(2, 3).reshape(b, h * r, w * r, c // r**2)
    return x.permute(0, 3, 1, 2)


class SubPixelConv(nn.Conv2d):
    """Upsampling by r: a convolution at stride 1 to r*r times the channels, then `depth_to_space`."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, r: int) -> None:
        super().__init__(in_channels, out_channels * r**2, kernel_size, padding=kernel_size // 2)
        self.r = r

    def forward(self, x: Tensor) -> Tensor:
        return depth_to_space(super().forward(x), self.r)


class Bottleneck(nn.Module):
    """x + 1x1(relu(3x3(relu(1x1(x))))); before training it is the identity."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, width, 1)
        self.mix = nn.Conv2d(width, width, 3, padding=1)
        self.expand = nn.Conv2d(width, channels, 1)
        nn.init.zeros_(self.expand.weight)
        assert self.expand.bias is not None
        nn.init.zeros_(self.expand.bias)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.mix(F.relu(self.reduce(x))))
        return x + self.expand(inner)


def build(layer: Layer) -> nn.Module:
    """The module of a layer."""
    match layer:
        case Convolution(inputs, outputs, kernel, stride):
            return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)
        case SubPixel(inputs, outputs, kernel, r):
            return SubPixelConv(inputs, outputs, kernel, r)
        case Normalisation(channels, inverse):
            return GDN(channels, inverse=inverse)
        case Residual(channels, width):
            return Bottleneck(channels, width)
        case Own(module, sizes):
            own: nn.Module = module(*sizes)
            return own
    raise TypeError(f"no module is known for the layer {layer!r}")


class Analysis(nn.Sequential):
    """Picture (values in 0..1) to latents: B x 3 x H x W to B x M x H/16 x W/16."""

    def __init__(self, layers: Layers) -> None:
        super().__init__(*map(build, layers))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - MID_GREY)


class Synthesis(nn.Sequential):
    """Latents to picture, the mirror of `Analysis`: B x M x H x W to B x 3 x 16 H x 16 W."""

    def __init__(self, layers: Layers) -> None:
        super().__init__(*map(build, layers))

    def forward(self, y: Tensor) -> Tensor:
        return super().forward(y) + MID_GREY
