"""Step 7 of a codec: a density for each coordinate.

Coordinates of pictures are often near zero and sometimes large. A Laplace density fits them: exp(-|y| / g) / 2 g,
with its own scale g for each coordinate.

Question: which g makes N observed numbers most probable? Set the derivative of the logarithm of their density by g to
zero. And what is F(y), the probability of a number below y? (Take y < 0 first.)
"""

import numpy as np


def fit_scales(y: np.ndarray) -> np.ndarray:
    """The most probable scale of each of D coordinates, from N x D numbers."""
    return np.abs(y).mean(0)


def cdf(y: np.ndarray, scale: float) -> np.ndarray:
    """F(y) of the Laplace density of that scale."""
    below = np.exp(-np.abs(y) / scale) / 2
    return np.where(y < 0, below, 1 - below)


# Answer to the question
# The logarithm is -sum |y_i| / g - N ln 2 g. Its derivative, sum |y_i| / g^2 - N / g, is zero at g = mean |y_i|. For
# y < 0 the integral of exp(u / g) / 2 g up to y is exp(y / g) / 2; for y > 0 it is one minus that at -y, by symmetry.
