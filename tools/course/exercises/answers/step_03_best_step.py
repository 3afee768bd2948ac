"""Step 3 of a codec: how fine should it be?

The codec minimises bits + lambda * squared error. With a small step, a number costs h - log2(step) bits, where h
depends on the numbers alone, and its mean squared error is that of step 1.

Question: for which step is the sum smallest? Set its derivative to zero. And how many decibels does one more bit per
number buy? (Decibels are 10 log10 of a ratio of squared errors.)
"""

import math


def cost(bits: float, squared_error: float, lambda_: float) -> float:
    """The cost that the codec minimises: bits + lambda * squared error."""
    return bits + lambda_ * squared_error


def best_step(lambda_: float) -> float:
    """The step that minimises the cost, if it is small."""
    return math.sqrt(6 / (lambda_ * math.log(2)))


def decibels_per_bit() -> float:
    """By how many decibels the squared error falls for each bit that is spent on every number."""
    return 20 * math.log10(2)


# Answer to the question
# The derivative of h - log2 s + lambda s^2 / 12 is -1 / (s ln 2) + lambda s / 6, which is zero at s^2 = 6 / (lambda
# ln 2). One bit more halves the step, so the error falls to a quarter: 10 log10 4 = 20 log10 2 = 6.02 dB.
