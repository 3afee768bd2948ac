"""`lic encode`: pictures to .lic files."""

import argparse
from functools import partial

from lic.codec.model.catalogue import DEFAULT_TUNE, TUNED
from lic.codec.settings import DEFAULT_EFFORT, DEFAULT_QUALITY
from lic.codec.settings import NAMES as SETTINGS
from lic.tools.batch.picture_files import encode_bytes, readable_extensions
from lic.tools.commands.batch_options import add_batch_arguments, jobs_of, run_jobs

EXAMPLES = """\
examples:
  lic encode photo.jpg                      photo.lic beside it
  lic encode photo.png -o small.lic -q 20   a small file
  lic encode photo.png --target-size 50k    the best picture in 50,000 bytes
  lic encode photo.png -e 4                 a smaller and better file, which takes longer to find
  lic encode *.jpg -o out/                  several, into a folder
  lic encode photos/ -o out/ -r -j 4        a folder and its subfolders, four at a time;
                                            again to go on where it stopped
  cat photo.png | lic encode - > photo.lic  in a pipe
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic encode IN... [-o OUT] [-q Q | --target-... T] [options]"
    parser.description = EXAMPLES
    add_batch_arguments(parser, "pictures")
    rate = parser.add_mutually_exclusive_group()
    rate.add_argument(
        "-q",
        "--quality",
        type=float,
        metavar="Q",
        help=f"1 (smallest) to 100 (best), fractions too; {DEFAULT_QUALITY:g} if not given",
    )
    rate.add_argument("--lambda", type=float, dest="lambda_", metavar="L", help="a lambda point of the model instead")
    rate.add_argument("--target-size", type=_bytes, metavar="N", help="largest file up to N bytes (50k, 1.5M)")
    rate.add_argument("--target-bpp", type=float, metavar="B", help="largest file up to B bits per pixel")
    rate.add_argument("--target-psnr", type=float, metavar="D", help="smallest file with this PSNR, in dB")
    rate.add_argument("--target-ms-ssim", type=float, metavar="D", help="the same for MS-SSIM: 0.98, or in dB")
    parser.add_argument(
        "-e",
        "--effort",
        type=int,
        default=DEFAULT_EFFORT,
        metavar="N",
        help=f"rounds of refinement, each slower and smaller ({DEFAULT_EFFORT})",
    )
    model = parser.add_mutually_exclusive_group()
    model.add_argument("--tune", choices=TUNED, help=f"what the picture is to be good at; {DEFAULT_TUNE} if not given")
    model.add_argument("-m", "--model", help="name (see `lic models`) or path of a model instead")
    parser.add_argument("--strip", action="store_true", help="leave EXIF, ICC profile and XMP out")
    parser.add_argument("--auto-orient", action="store_true", help="turn the pixels as EXIF says")


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


def run(args: argparse.Namespace) -> int:
    jobs = jobs_of(args, ".lic", readable_extensions())
    # Model and settings are the same for all pictures: what is wrong with them is said once, at the start.
    from lic.codec.model.loader import get_model

    model = get_model(args.model, args.tune)
    if args.quality is not None:
        model.position(args.quality)
    model.check_effort(args.effort)
    if args.lambda_ is not None:
        model.position_of_lambda(args.lambda_)

    convert = partial(encode_bytes, **{name: getattr(args, name) for name in SETTINGS})
    return run_jobs(jobs, convert, args)
