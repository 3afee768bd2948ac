"""The reparametrisation trick.

A random generator has no gradient. But a sample of N(m, s^2) is a deterministic, differentiable function of m, s and
standard normal noise, which does not depend on them. Networks give ln s^2, which may have any sign.
"""

from torch import Tensor


def sample(mean: Tensor, log_variance: Tensor, epsilon: Tensor) -> Tensor:
    """A sample of N(mean, exp(log_variance)) made of standard normal noise `epsilon`."""
    return mean + (log_variance / 2).exp() * epsilon
