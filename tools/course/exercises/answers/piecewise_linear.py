"""A piecewise-linear density, and its integral.

The codec's densities are linear between heights at fixed knots, and zero outside. Their integral is a trapezium for
each whole segment, and a smaller trapezium for the last part: it is quadratic in y, and exact.
"""

import torch
from torch import Tensor


def cdf(knots: Tensor, heights: Tensor, y: Tensor) -> Tensor:
    """The probability of a value below y (N numbers within the knots); the density has area one."""
    widths = knots.diff()
    below = torch.cat([knots.new_zeros(1), ((heights[1:] + heights[:-1]) / 2 * widths).cumsum(0)])
    i = torch.bucketize(y, knots[1:-1])
    t = y - knots[i]
    at_y = heights[i] + (heights[i + 1] - heights[i]) * t / widths[i]
    return below[i] + t * (heights[i] + at_y) / 2
