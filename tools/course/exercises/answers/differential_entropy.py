"""Differential entropy depends on units.

h(X) = -E ln p(X) of a continuous X is no number of bits: express X in another unit and it changes, even its sign. A
code can only transmit X to some precision. Rounding to bins that are narrow has about h - ln(width) nats, which grows
without limit as bins shrink.
"""

import math


def entropy_of_gaussian(deviation: float) -> float:
    """h of a Gaussian in nats."""
    return 0.5 * math.log(2 * math.pi * math.e * deviation**2)


def change_unit(entropy: float, factor: float) -> float:
    """h of factor * X, given h of X: from metres to millimetres the factor is 1000."""
    return entropy + math.log(factor)


def bits_after_rounding(entropy: float, width: float) -> float:
    """About how many bits X has after rounding to narrow bins of this width. (Mind the unit: h is in nats.)"""
    return (entropy - math.log(width)) / math.log(2)
