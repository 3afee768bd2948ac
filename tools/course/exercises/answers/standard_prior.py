"""Why the prior may be N(0, I).

Suppose the prior of z is N(b, diag(t^2)), and the decoder begins with a linear layer, W z + c. The same model can be
written with a prior N(0, I): choose coordinates z' in which z has mean zero and deviation one, and let the layer undo
the change. The KL to the prior stays the same, and so does what the decoder computes.
"""

from torch import Tensor


def standardise(mean: Tensor, deviation: Tensor, prior_mean: Tensor, prior_deviation: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of q(z|y) in the coordinates z'."""
    return (mean - prior_mean) / prior_deviation, deviation / prior_deviation


def absorb(weight: Tensor, bias: Tensor, prior_mean: Tensor, prior_deviation: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias of the layer that computes from z' what W z + c computes from z."""
    return weight * prior_deviation, weight @ prior_mean + bias
