"""Decoded pictures as files of other formats, with a warning of what the format cannot hold."""

import io
import re
import warnings
from collections.abc import Mapping
from typing import Any

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from lic.codec.picture import exif

LOSSY_QUALITY = 95  # of JPEG and the like, which come from a file that has lost something already
PNG_LEVEL = 4  # of zlib: half the time of Pillow's 6, which for large pictures is that of decoding; files 2 % larger
LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", "HEIF", "JXL")
NAMES = {"exif": "EXIF", "icc_profile": "colour profile", "xmp": "XMP", "dpi": "resolution", "text": "text"}
# What formats hold, as Pillow and its plugins write them. Those that hold EXIF and no resolution have it in EXIF.
HELD = {
    "PNG": ("exif", "icc_profile", "xmp", "dpi", "text"),
    "JPEG": ("exif", "icc_profile", "xmp", "dpi"),
    "MPO": ("exif", "icc_profile", "xmp", "dpi"),
    "TIFF": ("exif", "icc_profile", "xmp", "dpi"),
    "WEBP": ("exif", "icc_profile", "xmp"),
    "AVIF": ("exif", "icc_profile", "xmp"),
    "HEIF": ("exif", "icc_profile", "xmp"),
    "JXL": ("exif", "xmp"),
    "BMP": ("dpi",),
}
PNM_MODES = {".pbm": "1", ".pgm": "L", ".ppm": "RGB"}  # one format, of which the suffix tells the kind
NOT_TURNED = ("JXL",)  # viewers leave the orientation in EXIF alone
XMP_IN_TIFF = 700  # a tag
NOTHING: Mapping[str, Any] = {}
KEYWORD = re.compile("[ -~\xa1-\xff]{1,79}")  # of a text in a PNG file


def save_picture(image: Image.Image, kind: str, quality: int, auto_orient: bool = False, suffix: str = "") -> bytes:
    """A picture as a file of a format, of which the suffix may tell more, with a warning of all that it cannot hold.

    Where a format has no EXIF, the pixels are turned upright; where it has no colour profile, they become sRGB.
    """
    held = HELD.get(kind, ())
    info = {name: image.info[name] for name in NAMES if image.info.get(name)}
    about = info.get("exif", b"")
    if auto_orient or "exif" not in held or kind in NOT_TURNED:
        image = _upright(image, info)
    in_exif = ("dpi",) if "exif" in held else ()
    left = [NAMES[name] for name in info if name not in (*held, *in_exif, "icc_profile")]
    said = []
    if "icc_profile" in info and "icc_profile" not in held:
        image, converted = _in_srgb(image, info.pop("icc_profile"))
        if converted:
            said.append("no colour profile: the picture is converted to sRGB")
        else:
            left.insert(0, NAMES["icc_profile"])
    if left:
        said.append(f"no {' and no '.join(left)}: left out")
    if said:
        warnings.warn(f"{kind} holds {', and '.join(said)}, use .png to keep it", stacklevel=2)
    if "dpi" not in info and (dpi := exif.resolution(about)):
        info["dpi"] = dpi
    if "dpi" in info and "dpi" not in held and "exif" in held:
        info["exif"] = exif.with_resolution(info.get("exif", b""), info["dpi"])
    info = {name: value for name, value in info.items() if name in held}
    return _written(image, kind, info, _options(kind, quality), suffix)


def _options(kind: str, quality: int) -> dict[str, Any]:
    return {"quality": quality} if kind in LOSSY else {"compress_level": PNG_LEVEL} if kind == "PNG" else {}


def _upright(image: Image.Image, info: dict[str, Any]) -> Image.Image:
    """The picture as its EXIF shows it, which afterwards says so in `info`."""
    turn = exif.TURNS.get(exif.orientation(info.get("exif", b"")))
    if turn is None:
        return image
    info["exif"] = exif.with_orientation(info["exif"], exif.UPRIGHT)
    if "xmp" in info:
        info["xmp"] = exif.xmp_upright(info["xmp"])
    return image.transpose(turn)


def _in_srgb(image: Image.Image, profile: bytes) -> tuple[Image.Image, bool]:
    """The picture in sRGB, and whether that has changed its colours."""
    from lic.codec.picture.colour import to_srgb  # not at the top: few formats have no profiles

    converted = to_srgb(image, profile)
    return converted, converted is not image


def _written(image: Image.Image, kind: str, info: Mapping[str, Any], options: Mapping[str, Any], suffix: str) -> bytes:
    """The file, without metadata that the format cannot hold, which warnings name."""
    if image.has_transparency_data and not _can_hold(kind, image.mode):
        warnings.warn(f"{kind} holds no transparency: the picture is put on white, use .png to keep it", stacklevel=3)
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
        image = paper.convert("RGB" if image.mode == "RGBA" else "L")
    mode = PNM_MODES.get(suffix, image.mode)
    if mode not in ("RGB", image.mode):
        few = "black and white" if mode == "1" else "grey"
        warnings.warn(f"{suffix} holds only {few}: the picture is converted, use .ppm to keep it", stacklevel=3)
    image = image if mode == image.mode else image.convert(mode)
    unfit = [name for name in info if not _can_hold(kind, image.mode, {name: info[name]})]
    if unfit:
        words = " and ".join(NAMES[name] for name in unfit)
        warnings.warn(f"{kind} cannot hold this picture's {words}: left out", stacklevel=3)
    info = {name: value for name, value in info.items() if name not in unfit}
    image = image.copy()
    image.info = {}  # from which formats take options that are not given
    out = io.BytesIO()
    image.save(out, kind, **options, **_metadata(info, kind))
    return out.getvalue()


def _can_hold(kind: str, mode: str, info: Mapping[str, Any] = NOTHING) -> bool:
    """Whether a picture with this metadata can be written in a format, and read again if Pillow reads it."""
    out = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the picture itself will cause them
            Image.new(mode, (16, 16)).save(out, kind, **_metadata(info, kind))
            Image.open(out).close()
    except UnidentifiedImageError:
        return True
    except Exception:  # for values that they do not expect, the formats raise errors of many kinds
        return False
    return True


def _metadata(info: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """EXIF, ICC profile, XMP, resolution and text as options of Pillow's `save`."""
    options = {name: value for name, value in info.items() if name != "text"}
    if kind in ("JPEG", "MPO") and "exif" in options and not options["exif"].startswith(exif.PREFIX):
        options["exif"] = exif.PREFIX + options["exif"]
    if kind == "TIFF" and options.keys() & {"exif", "xmp"}:
        options["exif"] = tags = Image.Exif()
        tags.load(info.get("exif", exif.EMPTY))
        if "xmp" in options:
            tags[XMP_IN_TIFF] = options.pop("xmp")
    if kind == "PNG":
        options["pnginfo"] = chunks = PngInfo()
        if "xmp" in options:
            chunks.add_itxt("XML:com.adobe.xmp", options.pop("xmp"))
        for keyword, text in info.get("text", {}).items():
            if KEYWORD.fullmatch(keyword):
                chunks.add_text(keyword, text)
            else:
                warnings.warn(f"PNG cannot hold a text named {keyword[:20]!r}: left out", stacklevel=5)
    return options
