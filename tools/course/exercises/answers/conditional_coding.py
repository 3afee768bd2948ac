"""Conditional coding.

If the decoder already has x, a code for y needs only H(y|x) bits per symbol instead of H(y), which saves exactly the
mutual information I(x, y). All three follow from the joint probabilities.
"""

from torch import Tensor


def bits(joint: Tensor) -> Tensor:
    """H(y): bits per symbol without x. `joint` is P(x, y), X x Y, all positive."""
    marginal = joint.sum(0)
    return -(marginal * marginal.log2()).sum()


def bits_given(joint: Tensor) -> Tensor:
    """H(y|x): bits per symbol if both sides have x."""
    return -(joint * (joint / joint.sum(1, keepdim=True)).log2()).sum()
