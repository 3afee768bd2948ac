"""Noise against rounding.

Rounding has no gradient, so training adds noise u, uniform on [-1/2, 1/2), in its place. This is no makeshift: the
density of y + u is F(v + 1/2) - F(v - 1/2), with F the distribution function of y, and at each integer it equals the
probability of rounding to that integer. Another way through rounding is the straight-through gradient: the value of
rounding, with the gradient of the identity.
"""

from collections.abc import Callable

from torch import Tensor


def round_half_up(y: Tensor) -> Tensor:
    """The nearest integer, and the larger one of two that are equally near. (torch.round takes the even one.)"""
    return (y + 0.5).floor()


def noisy_density(cdf: Callable[[Tensor], Tensor], v: Tensor) -> Tensor:
    """The density of y + u at v, for a y with the distribution function `cdf`."""
    return cdf(v + 0.5) - cdf(v - 0.5)


def straight_through(y: Tensor) -> Tensor:
    """Rounded values, whose gradient with respect to y is one."""
    return y + (round_half_up(y) - y).detach()
