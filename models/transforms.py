"""The analysis and synthesis transforms of Balle, Laparra, Simoncelli (2017), with a sub-pixel decoder.

    analysis    x -> conv 9x9 /4 -> GDN  -> conv 5x5 /2 -> GDN  -> conv 5x5 /2 -> y
    synthesis   y -> conv 3x3 *2 -> IGDN -> conv 3x3 *2 -> IGDN -> conv 3x3 *4 -> x

where /s is a stride and *r a convolution at stride 1 to r*r times the channels, followed by a reshape that
deals them out to an r times finer grid (the lectures' deconvolution).
"""

from torch import Tensor, nn

from lic.models.gdn import GDN

DOWNSAMPLING = 16  # pixels per latent, in each direction
MID_GREY = 0.5  # pictures are values in 0..1; the layers see them centred, so that zero padding means grey


def depth_to_space(x: Tensor, r: int) -> Tensor:
    """Deal r*r*C channels out to an r times finer grid with C channels.

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


class Analysis(nn.Sequential):
    """Picture (values in 0..1) to latents: B x 3 x H x W to B x M x H/16 x W/16."""

    def __init__(self, n: int = 128, m: int = 192, in_channels: int = 3, *, symmetric: bool = False) -> None:
        super().__init__(
            nn.Conv2d(in_channels, n, 9, stride=4, padding=4),
            GDN(n, symmetric=symmetric),
            nn.Conv2d(n, n, 5, stride=2, padding=2),
            GDN(n, symmetric=symmetric),
            nn.Conv2d(n, m, 5, stride=2, padding=2),
        )

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - MID_GREY)


class Synthesis(nn.Sequential):
    """Latents to picture, the mirror of `Analysis`: B x M x H x W to B x 3 x 16 H x 16 W."""

    def __init__(self, n: int = 128, m: int = 192, out_channels: int = 3, *, symmetric: bool = False) -> None:
        super().__init__(
            SubPixelConv(m, n, 3, r=2),
            GDN(n, inverse=True, symmetric=symmetric),
            SubPixelConv(n, n, 3, r=2),
            GDN(n, inverse=True, symmetric=symmetric),
            SubPixelConv(n, out_channels, 3, r=4),
        )

    def forward(self, y: Tensor) -> Tensor:
        return super().forward(y) + MID_GREY


def macs_per_pixel(transform: Analysis | Synthesis) -> float:
    """Multiplications per picture pixel, GDN's 1x1 convolution included.

    >>> round(macs_per_pixel(Synthesis(128, 320)))
    19712
    """
    scale = 1 if isinstance(transform, Analysis) else DOWNSAMPLING  # pixels per sample, in each direction
    total = 0.0
    for layer in transform:
        if isinstance(layer, GDN):
            total += layer.gamma.numel() / scale**2
        elif isinstance(layer, SubPixelConv):
            total += layer.weight.numel() / scale**2
            scale //= layer.r
        elif isinstance(layer, nn.Conv2d):
            scale *= layer.stride[0]
            total += layer.weight.numel() / scale**2
    return total
