"""`lic eval`: real files of many codecs on many pictures, decoded again and measured."""

import argparse
import os

from lic.codec.encode.settings import DEFAULT_EFFORT
from lic.tools.evaluation import codecs
from lic.tools.evaluation.measuring import evaluate, summary
from lic.tools.evaluation.results import save_results
from lic.tools.files import find_pictures
from lic.tools.usage import UsageError, add_force, check_output, positive, printable, split_names

EXAMPLES = """\
examples:
  lic eval kodak/*.png -o kodak.json                    all codecs that are installed, all 24 pictures
  lic eval photos/ --codecs lic jpeg webp -o some.csv   three codecs, a folder of pictures
  lic eval photos/ --qualities 20,50 jpeg=10,75 -o some.json
  lic plot kodak.json --bd jpeg -o rd.png               what to do with the result

Every picture is coded as 8-bit RGB. A picture that any codec fails on is named and left out of all means.
Times are wall-clock times in one of several processes that work at once: compare them only within one run.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic eval IMAGES... [--codecs CODEC...] [--qualities ...] -o RESULTS.json|csv"
    parser.epilog = EXAMPLES
    parser.add_argument("images", nargs="+", metavar="IMAGES", help="pictures, or folders of pictures")
    parser.add_argument("-o", "--output", required=True, metavar="RESULTS", help="a .json or .csv file")
    known = f"some of {', '.join(codecs.NAMES)}, or your own, module:codec (default: all that are installed)"
    parser.add_argument("--codecs", nargs="+", metavar="CODEC", help=known)
    parser.add_argument("-m", "--model", action="append", help="name or path of lic's model; again for several models")
    parser.add_argument(
        "-e", "--effort", type=int, nargs="+", default=[DEFAULT_EFFORT], metavar="N", help="of lic; a curve for each"
    )
    qualities = "qualities of lic, or of the codec before the = (bits per pixel for jpeg2000)"
    parser.add_argument("--qualities", nargs="+", metavar="[CODEC=]Q,Q...", help=qualities)
    own = "besides: ssimulacra2, or functions of your own, module:function (tools/EXTENDING.md)"
    parser.add_argument("--metrics", nargs="+", default=[], metavar="METRIC", help=own)
    add_force(parser)
    cores = os.cpu_count() or 1
    parser.add_argument("-j", "--jobs", type=positive, default=cores, metavar="N", help=f"processes (default: {cores})")


def run(args: argparse.Namespace) -> int:
    check_output(args.output, ".json", ".csv", force=args.force)
    names = split_names(args.codecs) if args.codecs else codecs.available()
    pictures = list(map(str, find_pictures(args.images)))
    if not pictures:
        raise UsageError(f"no pictures in {', '.join(args.images)}")
    qualities = parse_qualities(args.qualities or [])
    results = evaluate(pictures, names, args.model or [None], qualities, args.jobs, args.effort, args.metrics)
    save_results(args.output, results, replace=args.force)
    print("\n".join(map(printable, summary(results).split("\n"))))
    return 1 if results.failed() else 0


def parse_qualities(words: list[str]) -> dict[str, tuple[float, ...]]:
    """Settings by codec.

    >>> parse_qualities(["20,50", "jpeg=75"])
    {'lic': (20.0, 50.0), 'jpeg': (75.0,)}
    """
    qualities: dict[str, tuple[float, ...]] = {}
    for word in words:
        name, _, values = word.rpartition("=")
        try:
            qualities[name or codecs.LIC] = tuple(float(value) for value in values.split(","))
        except ValueError as error:
            raise UsageError(f"cannot read --qualities {word}: write 20,50 or jpeg=20,50") from error
    return qualities
