"""`lic figures`: the lectures' pictures from real data, as PNG files with captions."""

import argparse
from pathlib import Path

from lic.tools.files import write_whole
from lic.tools.studies.figure_context import Context
from lic.tools.studies.gallery import FIGURES, OF_THE_CODEC, draw
from lic.tools.usage import UsageError

EXAMPLES = f"""\
examples:
  lic figures out/                                     all of them, on scikit-image's photographs
  lic figures out/ --data photos/ --model photo        on one's own
  lic figures out/ --only em blur --steps 3000         two of them, trained longer

figures: {", ".join(FIGURES)}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic figures OUT [--data DATA...] [--model MODEL] [--only FIGURE...]"
    parser.epilog = EXAMPLES
    parser.add_argument("output", type=Path, metavar="OUT", help="folder for the PNG files")
    parser.add_argument("--data", nargs="+", metavar="DATA", help="pictures and folders (scikit-image's)")
    parser.add_argument("-m", "--model", help="codec model, by name or file (see `lic models`)")
    parser.add_argument("--only", nargs="+", choices=FIGURES, metavar="FIGURE", help="only these figures")
    parser.add_argument("--steps", type=int, default=800, help="for each network that a figure trains (800)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (0)")


def run(args: argparse.Namespace) -> int:
    if args.steps < 1:
        raise UsageError(f"--steps {args.steps}: give 1 or more")
    names = args.only or list(FIGURES)
    context = Context(tuple(args.data or ()), args.model, args.steps, args.seed)
    if OF_THE_CODEC & set(names):
        _ = context.network  # if there is no model, say so before anything is trained
    args.output.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = args.output / f"{name}.png"
        write_whole(path, draw(name, context))
        print(path)
    return 0
