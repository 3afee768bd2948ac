"""The codecs that are compared: lic, and the classical ones through Pillow and its plugins.

A codec turns RGB pixels and a setting into the bytes of a real file, and back. Larger settings mean larger
files for all of them; a setting of JPEG 2000 is a rate in bits per pixel, of all others a quality.
"""

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, features

from lic.codec.encode.settings import DEFAULT_EFFORT
from lic.codec.errors import BadImage, LicError
from lic.codec.picture.formats import open_picture, register_plugins
from lic.codec.picture.pixels import Pixels
from lic.tools.own_parts import find_part, is_own

RAW_BITS = 24  # per pixel: Pillow takes the rate of JPEG 2000 as a compression ratio


class CodecNotFound(LicError):
    """A codec is unknown, or its Pillow plugin is not installed."""


@dataclass(frozen=True)
class Codec:
    """A codec in a comparison."""

    name: str
    label: str
    version: str
    settings: str  # how to make the same files; SETTING is a placeholder
    ladder: tuple[float, ...]  # settings that cover the useful rates
    grid: tuple[float, ...]  # all settings, for the search for a file size
    encode: Callable[[Pixels, float], bytes]
    decode: Callable[[bytes], Pixels]
    kmacs: float | None = None  # multiplications of decoding, in thousands for each pixel; None if nobody counted them


class PillowFormat(NamedTuple):
    label: str
    format: str
    options: dict[str, Any]
    ladder: tuple[float, ...]
    feature: str = ""  # of Pillow itself, or
    plugin: str = ""  # the module that registers the format,
    package: str = ""  # of this package


QUALITIES = tuple(map(float, range(1, 101)))
RATES = tuple(round(0.02 * 1.01**k, 5) for k in range(610))  # 0.02 to 8.6 bits per pixel
LIC_QUALITIES = tuple(round(1 + 0.05 * k, 2) for k in range(1981))

JPEG_LADDER = (5, 8, 12, 18, 25, 35, 45, 55, 65, 75, 85, 92, 96)
JPEG2000_LADDER = (0.06, 0.1, 0.15, 0.22, 0.32, 0.47, 0.7, 1.0, 1.5, 2.2, 3.2)
WEBP_LADDER = (1, 5, 12, 22, 35, 50, 65, 75, 83, 90, 95, 98)
AVIF_LADDER = (5, 12, 20, 30, 40, 50, 60, 70, 80, 88, 94)
HEIC_LADDER = (5, 14, 23, 32, 41, 50, 58, 66, 74)

JPEG = PillowFormat("JPEG 4:2:0", "JPEG", {"subsampling": "4:2:0", "optimize": True}, JPEG_LADDER, "libjpeg_turbo")
AVIF_OPTIONS = {"subsampling": "4:2:0", "speed": 6, "max_threads": 1}
# Libraries from 2026 on tune AVIF for the eye (tune=iq); for PSNR they have to be asked.
FOR_PSNR = {"advanced": {"tune": "psnr"}}
AVIF = PillowFormat("AVIF 4:2:0", "AVIF", AVIF_OPTIONS, AVIF_LADDER, "avif")
HEIC_PLUGIN = "", "pillow_heif", "pillow-heif"
HEIC = PillowFormat("HEIC 4:2:0", "HEIF", {"chroma": "420"}, HEIC_LADDER, *HEIC_PLUGIN)
JPEG2000_OPTIONS = {"irreversible": True, "mct": 1, "quality_mode": "rates"}
JXL_OPTIONS = {"effort": 7, "num_threads": 1}
JXL_PLUGIN = "", "pillow_jxl", "pillow-jxl-plugin"
PILLOW_FORMATS = {
    "jpeg": JPEG,
    "jpeg444": JPEG._replace(label="JPEG 4:4:4", options=JPEG.options | {"subsampling": "4:4:4"}),
    "jpeg2000": PillowFormat("JPEG 2000", "JPEG2000", JPEG2000_OPTIONS, JPEG2000_LADDER, "jpg_2000"),
    "webp": PillowFormat("WebP", "WEBP", {"method": 6}, WEBP_LADDER, "webp"),
    "avif": AVIF,
    "avif444": AVIF._replace(label="AVIF 4:4:4", options=AVIF.options | {"subsampling": "4:4:4"}),
    "avif444-psnr": AVIF._replace(
        label="AVIF 4:4:4, tune=psnr", options=AVIF.options | {"subsampling": "4:4:4"} | FOR_PSNR
    ),
    "jxl": PillowFormat("JPEG XL", "JXL", JXL_OPTIONS, (*AVIF_LADDER, 97), *JXL_PLUGIN),
    "heic": HEIC,
    "heic444": HEIC._replace(label="HEIC 4:4:4", options={"chroma": "444"}),
}
LIC = "lic"
NAMES = (LIC, *PILLOW_FORMATS)
LIC_LADDER = (1.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0)


def is_available(name: str) -> bool:
    """Whether a codec can be used here."""
    if name not in NAMES and not is_own(name, "codecs"):
        known = ", ".join(NAMES)
        raise CodecNotFound(f"there is no codec {name}: choose from {known}, or one of your own, module:codec")
    if name == LIC or name not in NAMES:
        return True
    kind = PILLOW_FORMATS[name]
    return bool(features.check(kind.feature)) if kind.feature else find_spec(kind.plugin) is not None


def available() -> list[str]:
    """The names of all codecs that can be used here."""
    return [name for name in NAMES if is_available(name)]


def get_codec(name: str, model: str | None = None, effort: int = DEFAULT_EFFORT) -> Codec:
    """A codec by name; `model` and `effort` are for lic."""
    available = is_available(name)
    if name == LIC:
        return lic_codec(model, effort)
    if name not in NAMES:
        own = find_part(name, "codecs")
        if not isinstance(own, Codec):
            raise CodecNotFound(f"{name} is no lic.tools.evaluation.codecs.Codec: make it one")
        return own
    kind = PILLOW_FORMATS[name]
    if not available:
        remedy = f"pip install {kind.package}" if kind.package else f"install a Pillow with {kind.feature}"
        raise CodecNotFound(f"codec {name} is not installed: {remedy}, or leave it out")
    return pillow_codec(name, kind)


def pillow_codec(name: str, kind: PillowFormat) -> Codec:
    """A codec made from a format that Pillow writes.

    >>> jpeg = pillow_codec("jpeg", PILLOW_FORMATS["jpeg"])
    >>> grey = np.full((8, 8, 3), 128, np.uint8)
    >>> jpeg.decode(jpeg.encode(grey, 50)).tolist() == grey.tolist()
    True
    """
    pillow = f"Pillow {version('pillow')}"
    if kind.plugin:
        register_plugins()
        library = f"{kind.package} {version(kind.package)}, {pillow}"
    else:
        library = f"{pillow}, {kind.feature} {features.version(kind.feature)}"

    def encode(pixels: Pixels, setting: float) -> bytes:
        file = io.BytesIO()
        options = kind.options | _setting_option(kind, setting)
        Image.fromarray(pixels).save(file, kind.format, **options)
        return file.getvalue()

    placeholder = "quality_layers=[24/SETTING]" if kind.format == "JPEG2000" else "quality=SETTING"
    options = ", ".join([f"{key}={value!r}" for key, value in kind.options.items()] + [placeholder])
    grid = RATES if kind.format == "JPEG2000" else QUALITIES
    settings = f"save(file, {kind.format!r}, {options})"
    return Codec(name, kind.label, library, settings, kind.ladder, grid, encode, _decode_pillow)


def _setting_option(kind: PillowFormat, setting: float) -> dict[str, Any]:
    if kind.format == "JPEG2000":
        return {"quality_layers": [RAW_BITS / setting]}
    return {"quality": round(setting)}


def _decode_pillow(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"))


def lic_codec(model: str | None = None, effort: int = DEFAULT_EFFORT) -> Codec:
    """lic itself, with a model by name or path, or the default one."""
    from lic.codec.decoder import decode
    from lic.codec.encode.encoder import encode
    from lic.codec.model.catalogue import find_model

    frozen = find_model(model).load()
    name = LIC if model is None else f"{LIC}-{frozen.name}"
    return Codec(
        name if effort == DEFAULT_EFFORT else f"{name}-effort{effort}",
        f"lic ({frozen.name})" if effort == DEFAULT_EFFORT else f"lic ({frozen.name}, effort {effort})",
        f"lic {version('lic-codec')}, model {frozen.name} {frozen.fingerprint.hex()}",
        f"lic.encode(pixels, quality=SETTING, {effort=})",
        LIC_LADDER,
        LIC_QUALITIES,
        lambda pixels, quality: encode(pixels, quality=quality, effort=effort, model=model),
        lambda data: np.array(decode(data, model=model).convert("RGB")),
        frozen.architecture.decoding_macs / 1000,
    )


def read_rgb(path: str | Path) -> Pixels:
    """A picture as input for every codec: 8-bit RGB, upright; pictures that this would change are refused."""
    with open_picture(path) as image:
        if image.has_transparency_data:
            raise BadImage(f"{path} has transparency, which not all codecs carry: flatten it with convert('RGB')")
        if image.mode not in ("RGB", "L", "1", "P", "CMYK", "YCbCr"):
            raise BadImage(f"{path} is of mode {image.mode}, not 8-bit RGB or grey: convert it first")
        return np.array(ImageOps.exif_transpose(image).convert("RGB"))


def read_photo(path: str | Path) -> Pixels:
    """`read_rgb` of a file named by the user, with its errors as `BadImage`."""
    try:
        return read_rgb(path)
    except OSError as error:
        raise BadImage(f"cannot read {path} as a picture: {error.strerror or 'its format is unknown'}") from error


def largest_within(encode: Callable[[float], bytes], grid: Sequence[float], limit: int) -> tuple[float, bytes]:
    """The setting of the largest file of at most `limit` bytes, and the file; the smallest file if none fits.

    Where sizes are not quite monotone over the grid, it is the largest of those that the search met.

    >>> setting, data = largest_within(lambda s: bytes(int(s)), range(1, 101), 42)
    >>> setting, len(data)
    (42, 42)
    """
    from lic.codec.encode.targets import last_below

    met: dict[int, bytes] = {}

    def log_size(k: int) -> float:
        if k not in met:
            met[k] = encode(grid[k])
        return math.log(len(met[k]))

    # The size grows about exponentially with the setting, so its logarithm is nearly linear, as the search likes it.
    last, target = len(grid) - 1, math.log(limit + 0.5)
    if log_size(0) < target <= log_size(last):
        last_below(log_size, target, last)
    within = [k for k, data in met.items() if len(data) <= limit]
    best = max(within, key=lambda k: len(met[k])) if within else 0
    return grid[best], met[best]
