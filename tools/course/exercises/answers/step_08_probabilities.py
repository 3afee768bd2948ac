"""Step 8 of a codec: the probabilities of symbols.

The symbol n stands for all y that are rounded to n, those between (n - 1/2) step and (n + 1/2) step. Symbols run from
-limit to limit; what is farther out is counted to the two outermost ones, so that the probabilities add up to one.

Question: what does -log2 P(n) tend to for a small step, if y is near n step? Compare with step 3: where does h come
from?
"""

import numpy as np
from step_07_density import cdf


def probabilities(scale: float, step: float, limit: int) -> np.ndarray:
    """P(n) of n = -limit..limit for a Laplace density of that scale: 2 limit + 1 numbers."""
    edges = (np.arange(-limit, limit) + 0.5) * step  # between the symbols
    below = np.concatenate([[0.0], cdf(edges, scale), [1.0]])
    return np.diff(below)


# Answer to the question
# P(n) is near step * p(n step), so -log2 P(n) is near -log2 p(y) - log2 step, whose mean over y is h - log2 step with
# h = -E log2 p(y).
