"""`lic learn figures`: the lectures' pictures from real data, as PNG files with captions."""

import argparse
from pathlib import Path

from lic.tools.course.commands.figure_options import add_figure_options, context_for
from lic.tools.course.gallery import FIGURES, captioned
from lic.tools.files import write_whole
from lic.tools.usage import add_force, check_output

EXAMPLES = f"""\
examples:
  lic learn figures out/                                     all of them, on scikit-image's photographs
  lic learn figures out/ --data photos/ --model photo        on one's own
  lic learn figures out/ --only em blur --steps 3000         two of them, trained longer

figures: {", ".join(FIGURES)}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic learn figures OUT [--data DATA...] [--model MODEL] [--only FIGURE...]"
    parser.epilog = EXAMPLES
    parser.add_argument("output", type=Path, metavar="OUT", help="folder for the PNG files")
    parser.add_argument("--only", nargs="+", choices=FIGURES, metavar="FIGURE", help="only these figures")
    add_figure_options(parser)
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    names = args.only or list(FIGURES)
    context = context_for(args, names)
    args.output.mkdir(parents=True, exist_ok=True)
    for name in names:
        check_output(args.output / f"{name}.png", force=args.force)
    for name in names:
        path = args.output / f"{name}.png"
        write_whole(path, captioned(FIGURES[name](context)), replace=args.force)
        print(path)
    return 0
