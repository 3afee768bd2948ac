"""`lic decode`: .lic files to PNG, or to any format that Pillow writes."""

import argparse
import io
from functools import partial
from pathlib import Path
from typing import Any

from lic.codec.errors import BadSetting
from lic.codec.file.container import METADATA
from lic.codec.file.geometry import Region
from lic.tools.batch.inputs import STANDARD
from lic.tools.batch.jobs import add_batch_arguments, convert_all, find_jobs, positive

EXAMPLES = """\
examples:
  lic decode photo.lic                    photo.png beside it
  lic decode photo.lic -o photo.tif       any format, by its extension
  lic decode *.lic -o out/                several, into a folder
  lic decode photo.lic --crop 0,0,640,480 just the part between these corners
  lic decode out/ -o png/ -r -j 4         a folder, as in `lic encode`
  lic decode - < photo.lic > photo.png    in a pipe
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic decode IN... [-o OUT] [options]"
    parser.description = EXAMPLES
    add_batch_arguments(parser, ".lic files")
    parser.add_argument("--crop", type=_region, metavar="X0,Y0,X1,Y1", help="decode only this region, in pixels")
    parser.add_argument(
        "--max-pixels", type=positive, metavar="N", help="refuse larger pictures; Pillow's limit if not given"
    )


def _region(text: str) -> Region:
    try:
        x0, y0, x1, y1 = map(int, text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"give left,top,right,bottom in pixels, not {text!r}") from error
    return x0, y0, x1, y1


def run(args: argparse.Namespace) -> int:
    jobs = find_jobs(args, ".png", frozenset({".lic"}))
    convert = partial(decode_bytes, region=args.crop, max_pixels=args.max_pixels)
    return convert_all(jobs, convert, args)


def decode_bytes(data: bytes, target: str, region: Region | None = None, max_pixels: int | None = None) -> bytes:
    """A .lic file's bytes to those of a picture file of `target`'s kind."""
    from PIL import Image

    from lic.codec.decoder import decode

    suffix = ".png" if target == STANDARD else Path(target).suffix.lower()
    kind = Image.registered_extensions().get(suffix)
    if kind is None or kind not in Image.SAVE:
        raise BadSetting(f"cannot write {suffix or 'a file without extension'}: use .png or another picture extension")
    image = decode(data, region=region, max_pixels=max_pixels)
    out = io.BytesIO()
    image.save(out, kind, **_metadata(image.info, kind))
    return out.getvalue()


def _metadata(info: dict[Any, Any], kind: str) -> dict[str, Any]:
    """EXIF, ICC profile and XMP as options of Pillow's `save`."""
    from PIL.PngImagePlugin import PngInfo

    options = {name: info[name] for name in METADATA if name in info}
    if kind == "PNG" and "xmp" in options:
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", options.pop("xmp"))
    return options
