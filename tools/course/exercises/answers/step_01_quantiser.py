"""Step 1 of a codec: a quantiser.

A real number y becomes an integer n, the nearest multiple of the step: n = floor(y / step + 1/2). The decoder has
only n, and answers with n * step.

Question: the step is small, so that within a step every error is equally likely. What is the mean of its square?
Derive it as an integral over one step, then put it into `fine_error`.
"""

import numpy as np


def quantise(y: np.ndarray, step: float) -> np.ndarray:
    """The integers (int64) of numbers y."""
    return np.floor(y / step + 0.5).astype(np.int64)


def dequantise(n: np.ndarray, step: float) -> np.ndarray:
    """The decoder's numbers for integers n."""
    return n * step


def fine_error(step: float) -> float:
    """The mean squared error of rounding to a small step."""
    return step**2 / 12


# Answer to the question
# The error u is uniform on [-s/2, s/2) with density 1/s, so its mean square is the integral of u^2 / s, which is [u^3
# / 3 s] from -s/2 to s/2 = s^2 / 12.
