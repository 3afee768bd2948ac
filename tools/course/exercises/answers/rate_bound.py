"""The rate as a bound on mutual information.

A stochastic encoder q(z|y) is a noisy channel. Averaged over the data, its output has the distribution
q(z) = mean_y q(z|y), and it carries I(y, z) = E_y KL(q(z|y), q(z)). For a network q(z) is intractable; another
distribution p(z) in its place gives an upper bound, which exceeds I(y, z) by KL(q(z), p(z)).
"""

from torch import Tensor


def mutual_information(channel: Tensor) -> Tensor:
    """I(y, z) in nats for N equally probable y and K values of z: channel is q(z|y), N x K, all positive."""
    return (channel * (channel / channel.mean(0)).log()).sum(1).mean()


def rate(channel: Tensor, prior: Tensor) -> Tensor:
    """E_y KL(q(z|y), p(z)), for p(z) given as K probabilities."""
    return (channel * (channel / prior).log()).sum(1).mean()


def excess(channel: Tensor, prior: Tensor) -> Tensor:
    """By how much the rate exceeds I(y, z), computed from q(z) and p(z) alone."""
    marginal = channel.mean(0)
    return (marginal * (marginal / prior).log()).sum()
