"""`lic learn theory`: the theory as a page, equations beside code."""

import argparse
from pathlib import Path

from lic.tools.course.chapters import COURSE
from lic.tools.course.commands.figure_options import add_figure_options, context_for
from lic.tools.course.gallery import FIGURES, plain
from lic.tools.course.theory_page import Illustration, theory_page
from lic.tools.files import write_whole
from lic.tools.usage import add_force, check_output

EXAMPLES = """\
examples:
  lic learn theory -o theory/                                theory/index.html, one file that needs no network
  lic learn theory -o theory/ --data photos/ --steps 3000    with figures of one's own pictures, trained longer
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic learn theory -o FOLDER [--data DATA...] [--model MODEL]"
    parser.epilog = EXAMPLES
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="folder for index.html")
    add_figure_options(parser)
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    path = args.output / "index.html"
    args.output.mkdir(parents=True, exist_ok=True)
    check_output(path, force=args.force)
    names = [name for chapter in COURSE for name in chapter.figures]
    context = context_for(args, names)
    figures = {}
    for name in names:
        drawing = FIGURES[name](context)
        figures[name] = Illustration(plain(drawing, "webp"), drawing.caption)
    write_whole(path, theory_page(COURSE, figures).encode(), replace=args.force)
    print(path)
    return 0
