"""Decoding to a finer grid.

To double the resolution, a convolution at stride one computes four times the channels, and each position hands its
channels out to the r x r (here 2 x 2) finer positions that take its place. That is only a reshaping.
"""

from torch import Tensor


def depth_to_space(x: Tensor, r: int) -> Tensor:
    """B x r r C x H x W to B x C x r H x r W. Channel (i r + j) C + c of x is channel c at row i, column j."""
    b, channels, height, width = x.shape
    x = x.reshape(b, r, r, channels // r**2, height, width)
    return x.permute(0, 3, 4, 1, 5, 2).reshape(b, channels // r**2, height * r, width * r)
