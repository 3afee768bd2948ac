"""`lic report`: a page about a trained model."""

import argparse
import os

from lic.codec.encode.settings import DEFAULT_QUALITY
from lic.tools.files import find_pictures, write_whole
from lic.tools.usage import UsageError, add_force, check_output, positive, printable, split_names

REPORT_CROPS = 48
REFERENCES = ("jpeg", "jpeg2000", "webp", "avif")

EXAMPLES = """\
examples:
  lic report runs/mine valid/ -o report.html              a run's best checkpoint
  lic report my.safetensors valid/*.png -o report.html    a model file
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic report RUN_OR_MODEL IMAGES... -o REPORT.html"
    parser.epilog = EXAMPLES
    parser.add_argument("model", metavar="RUN_OR_MODEL", help="a training run's folder or checkpoint, or a model")
    parser.add_argument("images", nargs="+", metavar="IMAGES", help="pictures, or folders of pictures")
    parser.add_argument("-o", "--output", required=True, metavar="REPORT", help="the page, an .html file")
    references = f"to compare with (default: {' '.join(REFERENCES)})"
    parser.add_argument("--codecs", nargs="+", metavar="CODEC", help=references)
    of_maps = f"of maps and densities (default: {DEFAULT_QUALITY:g})"
    parser.add_argument("-q", "--quality", type=float, default=DEFAULT_QUALITY, help=of_maps)
    parser.add_argument("--maps", type=int, default=8, metavar="N", help="pictures to show (default: 8)")
    about = f"of a run: pictures to fit its contexts on ({REPORT_CROPS}; lic export takes more, and more time)"
    parser.add_argument("--crops", type=positive, default=REPORT_CROPS, metavar="N", help=about)
    add_force(parser)
    cores = os.cpu_count() or 1
    parser.add_argument("-j", "--jobs", type=positive, default=cores, metavar="N", help=f"processes (default: {cores})")


def run(args: argparse.Namespace) -> int:
    check_output(args.output, ".html", force=args.force)
    paths = list(map(str, find_pictures(args.images)))
    if not paths:
        raise UsageError(f"no pictures in {', '.join(args.images)}")
    from lic.tools.pages.report_page import measure_model, report_page

    references = split_names(args.codecs or REFERENCES)
    measured = measure_model(args.model, paths, references, args.quality, args.jobs, args.crops)
    page = report_page(measured, args.quality, args.maps).encode(errors="backslashreplace")  # names may not be UTF-8
    write_whole(args.output, page, replace=args.force)
    print(printable(f"{args.output}: {measured.model.name} on {len(measured.examined)} of {len(paths)} pictures"))
    return 1 if measured.results.failed() else 0
