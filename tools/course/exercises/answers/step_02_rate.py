"""Step 2 of a codec: what symbols cost.

A code that expects symbol k with probability p_k spends -log2 p_k bits on it.

Question: symbols come with frequencies f_k, and the code expects p_k. Show that the mean cost is at least the
entropy, -sum_k f_k log2 f_k, with equality only at p = f. (Subtract one from the other, and use ln x <= x - 1.) How
much more is it? Put the difference into `waste`.
"""

import numpy as np


def code_length(symbols: np.ndarray, probabilities: np.ndarray) -> float:
    """The bits that symbols (integers 0..K-1) cost in a code for these K probabilities."""
    return float(-np.log2(probabilities[symbols]).sum())


def entropy(counts: np.ndarray) -> float:
    """The bits per symbol of the best code for symbols that occur this often (K counts, some of them zero)."""
    f = counts[counts > 0] / counts.sum()
    return float(-(f * np.log2(f)).sum())


def waste(frequencies: np.ndarray, probabilities: np.ndarray) -> float:
    """The bits per symbol that a code for `probabilities` costs beyond the entropy; all numbers are positive."""
    return float((frequencies * np.log2(frequencies / probabilities)).sum())


# Answer to the question
# The difference is sum_k f_k log2 (f_k / p_k) = KL(f, p) in bits. Since ln x <= x - 1, -KL ln 2 = sum_k f_k ln (p_k /
# f_k) <= sum_k (p_k - f_k) = 0, with equality only where p_k = f_k.
