"""The settings of an encoder: the one list for `encode`, `lic encode` and `Image.save`. Without numpy.

A new setting is a field here, a parameter of `encode`, which explains it, and an option of `lic encode`; tests compare
them.
"""

import math
import os
from collections.abc import Collection
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any, Literal

from lic.codec.errors import BadSetting
from lic.codec.picture.metadata import kinds_of

DEFAULT_QUALITY = 65.0  # as exact as WebP files by default, in some two thirds of their bytes
DEFAULT_EFFORT = 0
Tune = Literal["psnr", "ms-ssim"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to encode a picture; at most one of the `GOALS` is given."""

    quality: float | None = None
    lambda_: float | None = None
    target_size: int | None = None
    target_bpp: float | None = None
    target_psnr: float | None = None
    target_ms_ssim: float | None = None
    effort: int = DEFAULT_EFFORT
    tune: Tune | None = None
    model: str | os.PathLike[str] | None = None
    lossless: bool | None = None
    strip: bool | str | Collection[str] = False
    auto_orient: bool = False
    max_side: int | None = None

    def __post_init__(self) -> None:
        kinds_of(self.strip)
        for name in (*GOALS, "effort", "max_side"):
            object.__setattr__(self, name, _plain(getattr(self, name)))
        if self.max_side is not None and not (isinstance(self.max_side, int) and self.max_side >= 1):
            raise BadSetting(f"`max_side` must be a whole number from 1 on, not {self.max_side!r}")
        given = [name for name in GOALS if getattr(self, name) is not None]
        if self.lossless and given:
            raise BadSetting(f"give `lossless` or `{given[0]}`, not both")
        if len(given) > 1:
            raise BadSetting(f"give {' or '.join(f'`{name}`' for name in given)}, not both")
        for name in given:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise BadSetting(f"`{name}` must be a number, not {value!r}")
            if name.startswith("target") and not 0 < value < math.inf:
                raise BadSetting(f"`{name}` must be a number above 0, not {value}")

    def size_limit(self, pixels: int) -> int | None:
        """The largest number of bytes of a file, if there is a limit."""
        return self.target_size if self.target_bpp is None else int(self.target_bpp * pixels / 8)

    def reading(self) -> dict[str, Any]:
        """The settings of `read_image`."""
        lossless = bool(self.lossless)
        return {name: getattr(self, name) for name in ("strip", "auto_orient", "max_side")} | {"lossless": lossless}

    def given(self) -> dict[str, Any]:
        """The settings that differ from their defaults.

        >>> Settings(quality=80, effort=0).given()
        {'quality': 80}
        """
        values = {f.name: (getattr(self, f.name), f.default) for f in fields(self)}
        return {name: value for name, (value, default) in values.items() if value != default}


def _plain(value: Any) -> Any:
    """A number of another library, as numpy's, as one of Python; everything else as it is."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


NAMES = tuple(f.name for f in fields(Settings))
GOALS = ("quality", "lambda_", "target_size", "target_bpp", "target_psnr", "target_ms_ssim")
