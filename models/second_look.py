"""The second look: the picture plus the reconstruction error of its first latents is analysed again.

The analysis is only an approximate inverse of the synthesis. Analysing x + (x - x'), with x' decoded from the first
latents without rounding, corrects most of the error, but costs bits; a blend of both latents is a compromise.

A *quick look* replaces the second analysis by one convolution B of the error, fitted by least squares:

    second look   y1 + share (analysis(x + (x - x')) - y1)
    quick look    y1 + share B (x - x')

The functions take torch tensors and numpy arrays, since training and encoding share them.
"""

from collections.abc import Callable
from typing import TypeVar

Array = TypeVar("Array")


def look_again(
    analysis: Callable[[Array], Array], synthesis: Callable[[Array], Array], x: Array, unscaled: Array
) -> Array:
    """The latents of the picture x plus its reconstruction error; `unscaled` are its first latents."""
    return analysis(corrected(x, synthesis(unscaled)))


def corrected(x: Array, decoded: Array) -> Array:
    """The picture x plus its reconstruction error."""
    picture: Array = x + (x - decoded.clip(0, 1))  # type: ignore[attr-defined]
    return picture


def blend(first: Array, second: Array, share: object) -> Array:
    """Latents at a fraction `share` of the way from the first look's to the second look's."""
    blended: Array = first + share * (second - first)  # type: ignore[operator]
    return blended
