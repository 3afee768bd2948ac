"""The settings of an encoder: the one list for `encode`, `lic encode` and `Image.save`. Without numpy.

A new setting is a field here and a parameter of `encode`; a test compares the two.
"""

import math
import os
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from typing import Any

from lic.codec.errors import BadSetting
from lic.codec.model.catalogue import DEFAULT_TUNE, TUNED
from lic.codec.picture.metadata import KINDS, kinds_of

DEFAULT_QUALITY = 50.0
DEFAULT_EFFORT = 0


def told(kind: type, help: str, metavar: str = "", choices: tuple[str, ...] = ()) -> dict[str, Any]:
    """The description of a field for command lines."""
    return {"kind": kind, "help": help, "metavar": metavar, "choices": choices}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to encode a picture; at most one of the `GOALS` is given."""

    quality: float | None = field(
        default=None,
        metadata=told(float, f"1 (smallest) to 100 (best); {DEFAULT_QUALITY:g} if not given", "Q"),
    )
    lambda_: float | None = field(default=None, metadata=told(float, "the same by the lambda of the model", "L"))
    target_size: int | None = field(default=None, metadata=told(int, "largest file up to N bytes (50k, 1.5M)", "N"))
    target_bpp: float | None = field(default=None, metadata=told(float, "largest file up to B bits per pixel", "B"))
    target_psnr: float | None = field(default=None, metadata=told(float, "smallest file with this PSNR, in dB", "D"))
    target_ms_ssim: float | None = field(
        default=None, metadata=told(float, "the same for MS-SSIM: 0.98, or in dB", "D")
    )
    effort: int = field(
        default=DEFAULT_EFFORT,
        metadata=told(int, f"search for a smaller file of no worse picture: 4, 16, ... ({DEFAULT_EFFORT})", "N"),
    )
    tune: str | None = field(
        default=None,
        metadata=told(str, f"measure that the model optimises; {DEFAULT_TUNE} if not given", choices=(*TUNED,)),
    )
    model: str | os.PathLike[str] | None = field(
        default=None, metadata=told(str, "name (see `lic models`) or path of a model instead", "MODEL")
    )
    lossless: bool | None = field(
        default=None, metadata=told(bool, "exact; if not given, where a drawing is smaller so")
    )
    strip: bool | str | Collection[str] = field(
        default=False,
        metadata=told(str, f"leave metadata out: some of {','.join(KINDS)}; all if none is named", "KIND,..."),
    )
    auto_orient: bool = field(default=False, metadata=told(bool, "turn the pixels as EXIF says"))
    max_side: int | None = field(
        default=None, metadata=told(int, "make pictures smaller whose longer side has more pixels", "N")
    )

    def __post_init__(self) -> None:
        kinds_of(self.strip)
        if self.max_side is not None and self.max_side < 1:
            raise BadSetting(f"`max_side` must be a number from 1 on, not {self.max_side}")
        given = [name for name in GOALS if getattr(self, name) is not None]
        if self.lossless and given:
            raise BadSetting(f"give lossless or {given[0]}, not both")
        if len(given) > 1:
            raise BadSetting(f"give {' or '.join(given)}, not both")
        for name in given:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise BadSetting(f"{name} must be a number, not {value!r}")
            if name.startswith("target") and not 0 < value < math.inf:
                raise BadSetting(f"{name} must be a number above 0, not {value}")

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


NAMES = tuple(f.name for f in fields(Settings))
GOALS = ("quality", "lambda_", "target_size", "target_bpp", "target_psnr", "target_ms_ssim")
