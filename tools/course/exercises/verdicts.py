"""Comparison of an answer with the right one, and the hints for wrong ones."""

from fractions import Fraction
from typing import Any

import torch


class Wrong(Exception):
    """An answer is wrong; the message is a hint."""


class NotYet(Exception):
    """A function has not been filled in; the message is its name."""


def expect(got: Any, wanted: Any, hint: str, *slips: tuple[Any, str]) -> None:
    """Raise `Wrong` with a hint unless `got` equals `wanted`: a number, a tensor, or a list or tuple of them.

    Each of `slips` is a value that a common mistake leads to, and the hint for it.

    >>> expect(2.0, 2, "Add the two numbers.", (1, "The second number is missing."))
    """
    if got is None:
        raise Wrong("The function returns nothing.")
    if equal(got, wanted):
        return
    for value, slip in slips:
        if equal(got, value):
            raise Wrong(slip)
    if isinstance(got, torch.Tensor) and isinstance(wanted, torch.Tensor) and got.shape != wanted.shape:
        raise Wrong(f"{hint} (The result has the shape {tuple(got.shape)}, not {tuple(wanted.shape)}.)")
    raise Wrong(hint)


def equal(a: Any, b: Any) -> bool:
    """Whether two results are the same: fractions and bytes exactly, numbers but for the rounding of arithmetic.

    >>> equal(0.1 + 0.2, 0.3), equal(0.3, Fraction(3, 10)), equal((1, [2.0]), (1, [2]))
    (True, False, True)
    """
    if isinstance(b, bytes):
        return isinstance(a, bytes) and a == b
    if isinstance(b, Fraction):
        return isinstance(a, Fraction | int) and a == b
    if isinstance(b, tuple):
        return isinstance(a, tuple | list) and len(a) == len(b) and all(map(equal, a, b))
    try:
        a, b = (torch.as_tensor(value, dtype=torch.float64) for value in (a, b))
    except (TypeError, ValueError, RuntimeError):
        return False
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-5, atol=1e-9)
