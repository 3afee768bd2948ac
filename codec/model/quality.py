"""Conversion between quality, from 1 to 100, and a file's position. Without numpy, so that it starts fast."""

from lic.codec.errors import BadSetting
from lic.codec.file.container import POSITIONS

MIN_QUALITY, MAX_QUALITY = 1.0, 100.0


def last_position(points: int) -> int:
    """The position of the last of so many lambda points."""
    return (points - 1) * POSITIONS


def position_of(quality: float, points: int) -> int:
    """The position of a quality from 1 (smallest file) to 100 (best picture).

    >>> position_of(1, 9), position_of(100, 9)
    (0, 2048)
    """
    if not MIN_QUALITY <= quality <= MAX_QUALITY:
        raise BadSetting(f"quality {quality:g} is out of range: choose from {MIN_QUALITY:g} to {MAX_QUALITY:g}")
    return round((quality - MIN_QUALITY) / (MAX_QUALITY - MIN_QUALITY) * last_position(points))


def quality_of(position: int, points: int) -> float:
    """The quality of a position, the inverse of `position_of`: of those that lead to it, one with few digits.

    >>> quality_of(position_of(50, 9), 9), quality_of(position_of(33.3, 9), 9)
    (50.0, 33.3)
    """
    if points == 1:
        return MAX_QUALITY
    exact = MIN_QUALITY + (MAX_QUALITY - MIN_QUALITY) * position / last_position(points)
    shorter = (round(exact, digits) for digits in (0, 1, 2))
    return next((quality for quality in shorter if position_of(quality, points) == position), exact)
