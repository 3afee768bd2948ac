"""Why L1 against L2.

If z leaves the value of a pixel undetermined, the decoder still has to predict one number. Gaussian noise around the
prediction makes the loss L2, Laplace noise makes it L1. The best number differs: one of them lies between the possible
values and blurs, the other is one of them.
"""

import math

from torch import Tensor


def best_for_l2(values: Tensor) -> Tensor:
    """The number with the smallest mean squared difference from N values."""
    return values.mean()


def best_for_l1(values: Tensor) -> Tensor:
    """The number with the smallest mean absolute difference from N values (N is odd)."""
    return values.median()


def laplace_nll(values: Tensor, prediction: Tensor, scale: float) -> Tensor:
    """-ln p of each value under Laplace noise, whose density is exp(-|v - m| / g) / 2g."""
    return (values - prediction).abs() / scale + math.log(2 * scale)
