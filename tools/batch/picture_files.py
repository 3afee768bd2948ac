"""Conversion between the bytes of picture files and of .lic files."""

import io
import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from lic.codec.encode.settings import Settings
from lic.codec.errors import BadImage, BadSetting, Lessened
from lic.codec.file.container import read_head
from lic.codec.file.geometry import REDUCTIONS, Region
from lic.codec.picture import exif
from lic.codec.picture.formats import ONE_PICTURE, REMEDIES, readable_extensions, register_plugins, written_format
from lic.tools.batch import storage
from lic.tools.batch.conversion import Converted
from lic.tools.batch.jobs import Job
from lic.tools.batch.picture_writing import LOSSY_QUALITY, save_picture
from lic.tools.batch.storage import STANDARD
from lic.tools.usage import BadOptions

if TYPE_CHECKING:
    from lic.codec.picture.reading import ImageLike


MAX_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # above which Pillow refuses a picture, if not told otherwise


def encode_bytes(
    data: bytes,
    job: Job,
    settings: Settings,
    measure: bool = False,
    max_pixels: int | None = None,
    only_if_smaller: bool = False,
) -> Converted:
    """A picture file's bytes to a .lic file's bytes, or as they are, and on request their PSNR."""
    from lic.codec.encode.encoder import encode_by

    limit = max_pixels or MAX_PIXELS
    Image.MAX_IMAGE_PIXELS = limit // 2  # Pillow refuses twice as many; its warning above this is of no use here
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    try:
        result = encode_by(settings, _frame(data, job.frame))
    except UnidentifiedImageError as error:
        suffix = Path(job.source).suffix.lower()
        unknown = suffix in REMEDIES and suffix not in readable_extensions()
        text = f"cannot be read here: {REMEDIES[suffix]}" if unknown else "not a picture that Pillow can read"
        raise BadImage(text) from error
    except Image.DecompressionBombError as error:
        raise BadImage(f"the picture has more than {limit:,} pixels: raise `max_pixels` if you trust it") from error
    except SyntaxError as error:
        raise BadImage(str(error)) from error
    if only_if_smaller and len(result) >= len(data):
        return Converted(data, pixels_of(result), kept=True)
    if len(result) > len(data):
        ratio = f"{len(result) / len(data):.3g} times as large as the input"
        instead = "" if settings.lossless else ", or lower `quality`"
        warnings.warn(f"the result is {ratio}: keep the input, as `only_if_smaller` does{instead}", stacklevel=2)
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
    """The number of frames of a picture file; 1 for a file that is no picture, too: its conversion will tell."""
    register_plugins()
    if source == STANDARD:
        raise BadOptions("a picture from standard input has no name to number: give a file for `all_frames`")
    try:
        with Image.open(io.BytesIO(storage.read(source))) as image:
            return 1 if image.format in ONE_PICTURE else getattr(image, "n_frames", 1)
    except Exception:  # of which Pillow raises many kinds
        return 1


def psnr_of(encoded: bytes, picture: "ImageLike", settings: Settings) -> float | None:
    """The PSNR of a .lic file's colours, those under full transparency left out.

    None for a lossless file of a picture that had to be converted first, from 16 bits or CMYK.
    """
    from lic.codec.decoder import decode
    from lic.codec.picture.fidelity import psnr
    from lic.codec.picture.reading import read_image

    with warnings.catch_warnings(record=True) as caught:  # they were given when the picture was encoded
        warnings.simplefilter("always")
        original = read_image(picture, **settings.reading())
        again = read_image(decode(encoded, max_pixels=math.inf), lossless=bool(settings.lossless))
        decoded = replace(again, alpha=original.alpha)
    value = psnr(original.visible, decoded.visible)
    return None if value == math.inf and any(issubclass(w.category, Lessened) for w in caught) else value


def pixels_of(data: bytes) -> int:
    """The number of pixels of a .lic file."""
    file = read_head(io.BytesIO(data))
    return file.width * file.height


def decode_bytes(
    data: bytes,
    job: Job,
    region: Region | None = None,
    reduce: int = 1,
    exact: bool = False,
    fit: tuple[int, int] | None = None,
    auto_orient: bool = False,
    max_pixels: int | None = None,
    quality: int = LOSSY_QUALITY,
    model: str | None = None,
) -> Converted:
    """A .lic file's bytes to those of a picture file of the kind that the output's name tells.

    With `fit`, the picture as a viewer shows it lies within this width and height.
    """
    from lic.codec.decoder import decode

    suffix = ".png" if job.target == STANDARD else Path(job.target).suffix.lower()
    kind = written_format(suffix)
    if kind is None:
        raise BadSetting(f"cannot write {suffix or 'a file without extension'}: use .png or another picture extension")
    box = fit and _box(data, fit)
    if box:
        reduce = _reduction(region or (0, 0, *_size(data)), box)
    image = decode(data, region=region, reduce=reduce, exact=exact, max_pixels=max_pixels, model=model)
    if box:
        image.thumbnail(box, Image.Resampling.LANCZOS)
    return Converted(save_picture(image, kind, quality, auto_orient, suffix), image.width * image.height)


def _size(data: bytes) -> tuple[int, int]:
    file = read_head(io.BytesIO(data))
    return file.width, file.height


def _box(data: bytes, fit: tuple[int, int]) -> tuple[int, int]:
    """The width and height for a picture's pixels, before EXIF turns them."""
    turned = exif.orientation(read_head(io.BytesIO(data)).metadata.get("exif", b"")) >= 5
    return fit[::-1] if turned else fit


def _reduction(region: Region, box: tuple[int, int]) -> int:
    """The largest reduction after which the region still has twice the sides that it is to have, as in Pillow."""
    left, top, right, bottom = region
    scale = max((right - left) / box[0], (bottom - top) / box[1]) / 2
    return max(reduce for reduce in REDUCTIONS if reduce <= max(scale, 1) and left % reduce == top % reduce == 0)
