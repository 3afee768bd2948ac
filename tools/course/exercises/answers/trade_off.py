"""The noisy channel's trade-off, and lambda.

With Gaussian noise of variance g^2 around the decoded picture, -ELBO is a KL plus sum (y - y')^2 / 2 g^2 plus a
constant. Codecs instead minimise bits per pixel + lambda * (mean squared error over the three values of each pixel).
These are one and the same objective, in other units: nats of a picture against bits of a pixel.
"""

import math

from torch import Tensor


def noise_variance(lambda_: float) -> float:
    """g^2 such that -ELBO is proportional to bits per pixel + lambda * MSE, up to a constant."""
    return 3 / (2 * lambda_ * math.log(2))


def best_point(rates: Tensor, distortions: Tensor, lambda_: float) -> int:
    """Which of a codec's settings, with these rates and distortions, has the lowest cost for this lambda."""
    return int((rates + lambda_ * distortions).argmin())
