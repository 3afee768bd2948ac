"""`lic decode`: .lic files to PNG, or to any format that Pillow writes."""

import argparse
from functools import partial
from pathlib import Path

from lic.codec.file.geometry import REDUCTIONS, Region
from lic.codec.model.catalogue import find_model
from lic.codec.picture.formats import readable_extensions, written_format
from lic.tools.batch.picture_files import decode_bytes
from lic.tools.batch.picture_writing import LOSSY_QUALITY
from lic.tools.batch.storage import STANDARD
from lic.tools.commands.batch_options import add_batch_arguments, jobs_of, run_jobs
from lic.tools.usage import UsageError, positive

EXAMPLES = """\
examples:
  lic decode photo.lic                    photo.png beside it
  lic decode photo.lic -o photo.tif       any format, by its extension
  lic decode *.lic -o out/                several, into a folder
  lic decode photo.lic --crop 0,0,640,480 just the part between these corners
  lic decode photo.lic --reduce 4         a picture of a quarter of the width and height
  lic decode out/ -o png/ -r -j 4         a folder, as in `lic encode`
  lic decode - < photo.lic > photo.png    in a pipe
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic decode IN... [-o OUT] [options]"
    parser.description = EXAMPLES
    add_batch_arguments(parser, ".lic files")
    parser.add_argument("--crop", type=_region, metavar="X0,Y0,X1,Y1", help="decode only this region, in pixels")
    about = "a picture of 1/R of the width and height: 2, or 4 and 8, which are faster"
    parser.add_argument("--reduce", type=int, choices=REDUCTIONS[1:], default=1, metavar="R", help=about)
    about = "with --reduce: the means of the whole picture's pixels, in the time that all of these take"
    parser.add_argument("--exact", action="store_true", help=about)
    parser.add_argument(
        "--fit", type=_box, metavar="WxH", help="a smaller picture that fits into this width and height"
    )
    parser.add_argument("--auto-orient", action="store_true", help="turn the pixels as EXIF says")
    about = f"of JPEG and other lossy outputs, 1 to 100 ({LOSSY_QUALITY})"
    parser.add_argument("--quality", type=_quality, default=LOSSY_QUALITY, metavar="Q", help=about)
    limit = "refuse larger pictures; Pillow's limit if not given"
    parser.add_argument("--max-pixels", type=positive, metavar="N", help=limit)
    parser.add_argument("-m", "--model", help="name or path of the model, if it is not found by itself")


def _region(text: str) -> Region:
    try:
        x0, y0, x1, y1 = map(int, text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"give left,top,right,bottom in pixels, not {text!r}") from error
    return x0, y0, x1, y1


def _box(text: str) -> tuple[int, int]:
    try:
        width, height = map(int, text.split("x"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"give width and height, as 800x600, not {text!r}") from error
    if min(width, height) < 1:
        raise argparse.ArgumentTypeError(f"give sides from 1 on, not {text!r}")
    return width, height


def _quality(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"give a number from 1 to 100, not {text!r}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    if args.model:
        find_model(args.model)  # report a missing one once
    settings = {"crop": args.crop and list(args.crop), "quality": args.quality} | (
        {"reduce": args.reduce, "exact": args.exact} if args.reduce > 1 else {}
    )
    if args.fit and args.reduce > 1:
        raise UsageError("--fit finds its own --reduce: give one of them")
    if args.exact and args.reduce == 1:
        raise UsageError("--exact says how to reduce a picture: give --reduce, too")
    settings |= ({"fit": list(args.fit)} if args.fit else {}) | ({"auto_orient": True} if args.auto_orient else {})
    options = {
        "fit": args.fit,
        "auto_orient": args.auto_orient,
        "region": args.crop,
        "reduce": args.reduce,
        "exact": args.exact,
        "max_pixels": args.max_pixels,
        "quality": args.quality,
        "model": args.model,
    }
    found = jobs_of(args, ".png", lambda: frozenset({".lic"}), ignored=readable_extensions)
    for suffix in {Path(job.target).suffix.lower() for job in found.jobs if job.target != STANDARD}:
        if written_format(suffix) is None:
            name = suffix or "a file without extension"
            raise UsageError(f"cannot write {name}: use .png or another picture extension")
    return run_jobs(found, partial(decode_bytes, **options), settings, args)
