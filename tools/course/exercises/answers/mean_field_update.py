"""Mean field: one coordinate at a time.

A posterior over z = (z_1, z_2) is approximated by q_1(z_1) q_2(z_2). With q_2 fixed, the best q_1 has
ln q_1 = E_{q_2} ln p(z_1, z_2) + constant. Let p be a Gaussian with a mean and a precision matrix P (the inverse of its
covariance): ln p = -(z - mean)^T P (z - mean) / 2 + constant. Collect what depends on z_1.
"""

from torch import Tensor


def update_first(mean: Tensor, precision: Tensor, mean_of_second: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of the best q_1, for p's mean (2), its precision matrix (2 x 2) and the mean of q_2."""
    best = mean[0] - precision[0, 1] / precision[0, 0] * (mean_of_second - mean[1])
    return best, 1 / precision[0, 0]
