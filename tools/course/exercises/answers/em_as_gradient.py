"""The EM update as a gradient of the log likelihood.

The EG identity says that the gradient of ln p(y) is the expectation, under the posterior p(z|y), of the gradient of
ln p(z, y). Take a mixture of Gaussians of variance one. Its gradient with respect to the means has a closed form, and
EM's new means are the old ones plus that gradient, each with a step size of its own: EM is gradient ascent that needs
no learning rate.
"""

from torch import Tensor


def gradient_of_means(y: Tensor, means: Tensor, responsibilities: Tensor) -> Tensor:
    """The gradient of sum_j ln p(y_j) with respect to the K means, for N numbers y and p(i|y), K x N."""
    return (responsibilities * (y - means[:, None])).sum(1)


def em_means(means: Tensor, gradient: Tensor, responsibilities: Tensor) -> Tensor:
    """The means after an M step, as one step of gradient ascent from the old means."""
    return means + gradient / responsibilities.sum(1)
