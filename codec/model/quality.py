"""Conversion between quality, from 1 to 100, and a file's position. Without numpy, so that it starts fast.

A model has a scale: the quality at each of its lambda points, linear between them. It is even unless
the model's card has another, by which its files are about as large as those of `photo` at equal quality.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from lic.codec.errors import BadSetting
from lic.codec.file.container import POSITIONS

MIN_QUALITY, MAX_QUALITY = 1.0, 100.0


def last_position(points: int) -> int:
    """The position of the last of so many lambda points."""
    return (points - 1) * POSITIONS


def scale_of(card: Mapping[str, Any]) -> tuple[float, ...]:
    """The quality at each lambda point, by a model's card; points beyond 1 to 100 are for targets only.

    >>> scale_of({"lambdas": [0.01, 0.02, 0.04]})
    (1.0, 50.5, 100.0)
    """
    points = len(card["lambdas"])
    even = (MAX_QUALITY - (MAX_QUALITY - MIN_QUALITY) * k / max(points - 1, 1) for k in reversed(range(points)))
    return tuple(card.get("qualities") or even)


def position_of(quality: float, scale: Sequence[float]) -> int:
    """The position of a quality from 1 (smallest file) to 100 (best picture), or the nearest one of the model.

    >>> position_of(1, (1, 20, 100)), position_of(60, (1, 20, 100)), position_of(100, (1, 20, 80))
    (0, 384, 512)
    """
    if not MIN_QUALITY <= quality <= MAX_QUALITY:
        raise BadSetting(f"quality {quality:g} is out of range: choose from {MIN_QUALITY:g} to {MAX_QUALITY:g}")
    inside = min(max(quality, scale[0]), scale[-1])
    k = min(bisect_right(scale, inside), len(scale) - 1) - 1
    return round(POSITIONS * (k + (inside - scale[k]) / (scale[k + 1] - scale[k]))) if k >= 0 else 0


def quality_of(position: int, scale: Sequence[float]) -> float:
    """The quality of a position, from 1 to 100; of several that lead to it, one with few digits.

    >>> scale = scale_of({"lambdas": range(9)})
    >>> quality_of(position_of(50, scale), scale), quality_of(position_of(33.3, scale), scale)
    (50.0, 33.3)
    """
    k, f = divmod(position, POSITIONS)
    after = scale[min(k + 1, len(scale) - 1)]
    exact = min(max(scale[k] + (after - scale[k]) * f / POSITIONS, MIN_QUALITY), MAX_QUALITY)
    shorter = (round(exact, digits) for digits in (0, 1, 2))
    return next((quality for quality in shorter if position_of(quality, scale) == position), exact)
