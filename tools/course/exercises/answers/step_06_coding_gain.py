"""Step 6 of a codec: what the transform is worth.

By steps 1 and 3 a number of variance v, rounded with a small step, costs log2(deviation / step) bits plus a constant
that depends on the shape of its distribution.

Question: all D numbers of a block are rounded with the same step. Show that the mean cost per number depends on the
variances only through their geometric mean. The transform keeps the sum of the variances: when is their geometric
mean smallest, and when largest?
"""

import numpy as np


def relative_bits(variances: np.ndarray, step: float) -> float:
    """The mean over D numbers of log2(deviation / step)."""
    return float(np.log2(np.sqrt(variances) / step).mean())


def saved_bits(before: np.ndarray, after: np.ndarray) -> float:
    """How many bits per number a transform saves that turns the variances `before` into `after`, at equal error."""
    return float((np.log2(before) - np.log2(after)).mean() / 2)


def gain_in_decibels(before: np.ndarray, after: np.ndarray) -> float:
    """By how many decibels the error falls instead, at equal bits."""
    return float(10 * (np.log10(before) - np.log10(after)).mean())


# Answer to the question
# The mean of log2(v_i^(1/2) / s) is (1/2D) log2 of the product of the v_i, minus log2 s: half the logarithm of the
# geometric mean. For a given sum it is largest if all v_i are equal (arithmetic and geometric mean), and the smaller
# the more unequal they are.
