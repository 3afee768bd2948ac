"""Conversion between the bytes of picture files and of .lic files."""

import io
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from lic.codec.encode.settings import Settings
from lic.codec.errors import BadImage, BadSetting
from lic.codec.file.container import METADATA, read_head
from lic.codec.file.geometry import Region
from lic.codec.picture.formats import ONE_PICTURE, REMEDIES, readable_extensions, register_plugins, written_format
from lic.tools.batch import storage
from lic.tools.batch.conversion import Converted
from lic.tools.batch.jobs import Job
from lic.tools.batch.storage import STANDARD
from lic.tools.usage import BadOptions

if TYPE_CHECKING:
    from lic.codec.picture.reading import ImageLike

LOSSY_QUALITY = 95  # of JPEG and the like, which come from a file that has lost something already
PNG_LEVEL = 4  # of zlib: half the time of Pillow's 6, which for large pictures is that of decoding; files 2 % larger
LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", "HEIF", "JXL")
NAMES = {"exif": "EXIF", "icc_profile": "colour profile", "xmp": "XMP", "dpi": "resolution", "text": "text"}
NOTHING: Mapping[str, Any] = {}
KEYWORD = re.compile("[ -~\xa1-\xff]{1,79}")  # of a text in a PNG file


def encode_bytes(data: bytes, job: Job, settings: Settings, measure: bool = False) -> Converted:
    """A picture file's bytes to a .lic file's bytes, and on request their PSNR."""
    from lic.codec.encode.encoder import encode_by

    try:
        result = encode_by(settings, _frame(data, job.frame))
    except UnidentifiedImageError as error:
        suffix = Path(job.source).suffix.lower()
        unknown = suffix in REMEDIES and suffix not in readable_extensions()
        text = f"cannot be read here: {REMEDIES[suffix]}" if unknown else "not a picture that Pillow can read"
        raise BadImage(text) from error
    except (SyntaxError, Image.DecompressionBombError) as error:
        raise BadImage(str(error)) from error
    if len(result) > len(data):
        ratio = f"{len(result) / len(data):.3g} times as large as the input"
        instead = "" if settings.lossless else ", or lower `quality`"
        warnings.warn(f"the result is {ratio}: keep the input{instead}", stacklevel=2)
    return Converted(result, pixels_of(result), psnr_of(result, _frame(data, job.frame), settings) if measure else None)


def _frame(data: bytes, frame: int | None) -> "ImageLike":
    """A picture file, or one of its frames."""
    file = io.BytesIO(data)
    if frame is None:
        return file
    register_plugins()
    with Image.open(file) as image:
        image.seek(frame)
        return image.copy()


def frames_of(source: str) -> int:
    """The number of frames of a picture file; 1 for what is none, too, which its conversion will report."""
    register_plugins()
    if source == STANDARD:
        raise BadOptions("a picture from standard input has no name to number: give a file for `all_frames`")
    try:
        with Image.open(io.BytesIO(storage.read(source))) as image:
            return 1 if image.format in ONE_PICTURE else getattr(image, "n_frames", 1)
    except Exception:  # of which Pillow raises many kinds
        return 1


def psnr_of(encoded: bytes, picture: "ImageLike", settings: Settings) -> float:
    """The PSNR of a .lic file's colours, those under full transparency left out."""
    from lic.codec.decoder import decode
    from lic.codec.picture.fidelity import psnr
    from lic.codec.picture.reading import read_image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they were given when the picture was encoded
        original = read_image(picture, strip=settings.strip, auto_orient=settings.auto_orient)
        decoded = replace(read_image(decode(encoded, max_pixels=math.inf)), alpha=original.alpha)
    return psnr(original.visible, decoded.visible)


def pixels_of(data: bytes) -> int:
    """The number of pixels of a .lic file."""
    file = read_head(io.BytesIO(data))
    return file.width * file.height


def decode_bytes(
    data: bytes,
    job: Job,
    region: Region | None = None,
    reduce: int = 1,
    max_pixels: int | None = None,
    quality: int = LOSSY_QUALITY,
    model: str | None = None,
) -> Converted:
    """A .lic file's bytes to those of a picture file of the kind that the output's name tells."""
    from lic.codec.decoder import decode

    suffix = ".png" if job.target == STANDARD else Path(job.target).suffix.lower()
    kind = written_format(suffix)
    if kind is None:
        raise BadSetting(f"cannot write {suffix or 'a file without extension'}: use .png or another picture extension")
    image = decode(data, region=region, reduce=reduce, max_pixels=max_pixels, model=model)
    options = {"quality": quality} if kind in LOSSY else {"compress_level": PNG_LEVEL} if kind == "PNG" else {}
    result = _saved(image, kind, options)
    return Converted(result, image.width * image.height)


def _saved(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    """A picture as a file of a format, with a warning of everything that the format cannot hold."""
    out, info = io.BytesIO(), image.info
    if image.has_transparency_data and not _can_hold(kind, image.mode):
        warnings.warn(f"{kind} holds no transparency: the picture is put on white, use .png to keep it", stacklevel=2)
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
        image = paper.convert("RGB" if image.mode == "RGBA" else "L")
    unfit = [name for name in NAMES if name in info and not _can_hold(kind, image.mode, {name: info[name]})]
    if unfit:
        words = " and ".join(NAMES[name] for name in unfit)
        warnings.warn(f"{kind} cannot hold this picture's {words}: left out", stacklevel=2)
    info = {name: value for name, value in info.items() if name not in unfit}
    image.info = {}  # of which formats take what they are not given
    image.save(out, kind, **options, **_metadata(info, kind))
    try:
        with Image.open(out) as written:
            found = written.info.keys()
    except UnidentifiedImageError:  # a format that Pillow only writes
        found = {}.keys()
    lost = [NAMES[name] for name in METADATA if name in info and name not in found]
    if lost:
        warnings.warn(f"{kind} holds no {' and no '.join(lost)}: left out, use .png to keep it", stacklevel=2)
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


def _metadata(info: Mapping[Any, Any], kind: str) -> dict[str, Any]:
    """EXIF, ICC profile, XMP, resolution and text as options of Pillow's `save`."""
    options = {name: info[name] for name in (*METADATA, "dpi") if name in info}
    if kind == "PNG":
        options["pnginfo"] = chunks = PngInfo()
        if "xmp" in options:
            chunks.add_itxt("XML:com.adobe.xmp", options.pop("xmp"))
        for keyword, text in info.get("text", {}).items():
            if KEYWORD.fullmatch(keyword):
                chunks.add_text(keyword, text)
            else:
                warnings.warn(f"PNG cannot hold a text named {keyword[:20]!r}: left out", stacklevel=4)
    return options
