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
    """The quality of a position, the inverse of `position_of`."""
    span = MAX_QUALITY - MIN_QUALITY
    return MIN_QUALITY + span * position / last_position(points) if points > 1 else MAX_QUALITY
