"""The encoder's second look at a picture: what the first one missed is added to the picture, which is analysed again.

The analysis only nearly inverts the synthesis. What it got wrong, the synthesis shows: encoding x + (x - x'), with x'
decoded from the first latents without rounding, takes most of that back. Latents between the two trade bits for it.

The functions take torch tensors and numpy arrays alike, since training and encoding share them.
"""

from collections.abc import Callable
from typing import TypeVar

Array = TypeVar("Array")


def look_again(
    analysis: Callable[[Array], Array], synthesis: Callable[[Array], Array], x: Array, unscaled: Array
) -> Array:
    """The latents of the picture x plus what the synthesis of `unscaled`, its first latents, lacks of it."""
    decoded = synthesis(unscaled).clip(0, 1)  # type: ignore[attr-defined]
    again: Array = analysis(x + (x - decoded))
    return again


def blend(first: Array, second: Array, share: object) -> Array:
    """Latents that lie a share of the way from those of the first look to those of the second."""
    blended: Array = first + share * (second - first)  # type: ignore[operator]
    return blended
