"""`lic encode`: pictures to .lic files."""

import argparse
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from lic.codec.encode.settings import DEFAULT_QUALITY, GOALS, Settings
from lic.codec.model.catalogue import DEFAULT_TUNE, TUNED, find_model
from lic.codec.picture.formats import REMEDIES, readable_extensions
from lic.codec.picture.metadata import KINDS
from lic.tools.batch.jobs import for_all_frames, with_copies
from lic.tools.batch.picture_files import MAX_PIXELS, encode_bytes, frames_of
from lic.tools.commands.batch_options import add_batch_arguments, jobs_of, run_jobs
from lic.tools.dataclass_options import add_options, option
from lic.tools.usage import MORE, UsageError, in_flags, positive

EXAMPLES = """\
examples:
  lic encode photo.jpg                      photo.lic beside it
  lic encode photo.jpg -q 50                for the web; -q 40 for thumbnails, -q 90 for keeping
  lic encode photo.png --target-size 50k    the best picture in 50,000 bytes
  lic encode photo.png -e 4                 a smaller and better file, which takes longer to find
  lic encode drawing.png --lossless         every pixel as it is
  lic encode *.jpg -o out/                  several, into a folder
  lic encode photos/ -o out/ -r -j 4        a folder and its subfolders, four at a time;
                                            again for what has changed
  cat photo.png | lic encode - > photo.lic  in a pipe
"""


def _bytes(text: str) -> int:
    """A number of bytes.

    >>> _bytes("50k"), _bytes("1.5M"), _bytes("800")
    (50000, 1500000, 800)
    """
    number = text.rstrip("kKM")
    try:
        return int(float(number) * {"": 1, "k": 1000, "K": 1000, "M": 1_000_000}[text[len(number) :]])
    except (ValueError, KeyError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"give a number of bytes, as 50k or 1.5M, not {text!r}") from error


OPTIONS = {
    "quality": option(
        f"1 (smallest) to 100 (best); {DEFAULT_QUALITY:g} if not given", "-q", "--quality", type=float, metavar="Q"
    ),
    "lambda_": option("the same by the lambda of the model", type=float, metavar="L"),
    "target_size": option("largest file up to N bytes (50k, 1.5M)", type=_bytes, metavar="N"),
    "target_bpp": option("largest file up to B bits per pixel", type=float, metavar="B"),
    "target_psnr": option("smallest file with this PSNR, in dB", type=float, metavar="D"),
    "target_ms_ssim": option("the same for MS-SSIM: 0.98, or in dB", type=float, metavar="D"),
    "effort": option("search for a smaller file of no worse picture: 4, 16, ...", "-e", "--effort", metavar="N"),
    "tune": option(f"ms-ssim looks better in small files ({DEFAULT_TUNE})", choices=(*TUNED,)),
    "model": option("name (see `lic models`) or path of a model instead", "-m", "--model", metavar="MODEL"),
    "lossless": option("exact; if not given, where a drawing is smaller so", action=argparse.BooleanOptionalAction),
    "strip": option(
        f"leave metadata out: some of {','.join(KINDS)}; all if none is named",
        nargs="?",
        const=True,
        metavar="KIND,...",
    ),
    "auto_orient": option("turn the pixels as EXIF says", action="store_true"),
    "max_side": option("make pictures smaller whose longer side has more pixels", type=positive, metavar="N"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic encode IN... [-o OUT] [-q Q | --target-... T] [options]"
    parser.description = EXAMPLES
    add_batch_arguments(parser, "pictures")
    more = next(group for group in parser._action_groups if group.title == MORE)
    more.add_argument("--all-frames", action="store_true", help="all frames or pages, into numbered files")
    more.add_argument("--psnr", action="store_true", help="decode again, and say the PSNR of each picture")
    about = "where a .lic file would not be smaller, copy the input instead"
    more.add_argument("--only-if-smaller", action="store_true", help=about)
    about = f"refuse larger pictures ({MAX_PIXELS:,})"
    more.add_argument("--max-pixels", type=positive, metavar="N", help=about)
    rate, model = parser.add_mutually_exclusive_group(), parser.add_mutually_exclusive_group()
    groups = dict.fromkeys(GOALS, rate) | {"tune": model, "model": model}
    add_options(parser, Settings, OPTIONS, groups | dict.fromkeys(("strip", "auto_orient", "max_side"), more))


def check_names(targets: Iterable[str]) -> None:
    """Refuse outputs that are called like pictures of another format: nothing would open them."""
    for target in targets:
        if (suffix := Path(target).suffix.lower()) not in ("", ".lic") and suffix in readable_extensions():
            raise UsageError(f"{target} would hold a .lic file: call it .lic, or give --force")


def check_copies(args: argparse.Namespace) -> None:
    """Refuse options of which a copied input knows nothing."""
    for name in ("strip", "auto_orient", "max_side", "all_frames"):
        if getattr(args, name):
            flag = in_flags(f"`{name}`")
            raise UsageError(f"{flag} changes pictures, --only-if-smaller copies some as they are: give one of them")


def run(args: argparse.Namespace) -> int:
    settings = Settings(**{name: getattr(args, name) for name in OPTIONS})
    file = find_model(args.model, tune=args.tune)
    found = jobs_of(args, ".lic", lambda: readable_extensions() | REMEDIES.keys(), ignored=lambda: frozenset({".lic"}))
    if not args.force:
        check_names(job.target for job in found.jobs)
    if args.all_frames:
        found = for_all_frames(found, frames_of)
    if args.only_if_smaller:
        check_copies(args)
        found = with_copies(found)
    named = {name: value for name, value in settings.given().items() if name not in ("model", "tune")}
    named |= {"only_if_smaller": True} if args.only_if_smaller else {}
    named |= {"model": f"{file.name} {file.card.get('sha256', file.fingerprint.hex())[:8]}"}

    def check() -> None:
        """Report errors in settings once, not for each picture."""
        model = file.load()
        if args.quality is not None:
            model.position(args.quality)
        model.check_effort(args.effort)
        if args.lambda_ is not None:
            model.position_of_lambda(args.lambda_)

    options = {"measure": args.psnr, "max_pixels": args.max_pixels, "only_if_smaller": args.only_if_smaller}
    convert = partial(encode_bytes, settings=settings, **options)
    return run_jobs(found, convert, named, args, check)
