"""The KL divergence of diagonal Gaussians, in closed form.

KL(q, p) = E_q [ln q(z) - ln p(z)]. For Gaussians whose coordinates are independent it is a sum over coordinates, and
needs only E_q (z - b)^2 = s^2 + (a - b)^2.
"""

from torch import Tensor


def kl(mean_q: Tensor, deviation_q: Tensor, mean_p: Tensor, deviation_p: Tensor) -> Tensor:
    """KL(q, p) in nats, summed over the D coordinates of q = N(mean_q, deviation_q^2) and p."""
    squares = deviation_q**2 + (mean_q - mean_p) ** 2
    return (squares / (2 * deviation_p**2) + (deviation_p / deviation_q).log() - 0.5).sum()
