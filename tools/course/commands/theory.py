"""`lic learn theory`: the theory as a page, equations beside code."""

import argparse
from pathlib import Path

from lic.tools.course.chapters import COURSE
from lic.tools.course.commands.figure_options import DEFAULT_STEPS, add_figure_options, context_for
from lic.tools.course.prebuilt_figures import draw, prebuilt
from lic.tools.course.theory_page import anchor, theory_page
from lic.tools.files import write_whole
from lic.tools.usage import add_force, check_output

NAMES = {anchor(chapter.title): chapter for chapter in COURSE}
EXAMPLES = f"""\
examples:
  lic learn theory -o theory/                                theory/index.html, one file that needs no network
  lic learn theory -o theory/ --only em mean-field           these chapters
  lic learn theory -o theory/ --data photos/ --steps 3000    with figures of one's own pictures, trained longer

The page is there at once, and figures appear in it as they are drawn: reload it. Figures that need a training are
those that come with lic, unless other options than --only are given.

chapters: {", ".join(NAMES)}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic learn theory -o FOLDER [--only CHAPTER...] [--data DATA...] [--model MODEL]"
    parser.epilog = EXAMPLES
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="folder for index.html")
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="CHAPTER", help="only these chapters")
    add_figure_options(parser)
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    chapters = [chapter for name, chapter in NAMES.items() if not args.only or name in args.only]
    names = [name for chapter in chapters for name in chapter.figures]
    context = context_for(args, names)
    path = args.output / "index.html"
    args.output.mkdir(parents=True, exist_ok=True)
    check_output(path, force=args.force)
    as_kept = not args.data and args.model is None and args.steps == DEFAULT_STEPS and args.seed == 0
    figures = {name: kept for name, kept in prebuilt().items() if as_kept and name in names}
    write_whole(path, theory_page(chapters, figures).encode(), replace=args.force)
    print(path, flush=True)
    for name in names:
        if name not in figures:
            figures[name] = draw(name, context)
            write_whole(path, theory_page(chapters, figures).encode(), replace=True)
    return 0
