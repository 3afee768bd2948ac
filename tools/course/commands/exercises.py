"""`lic learn exercises`: functions of the lectures to fill in, and a check of the answers."""

import argparse
import json
from collections import Counter
from pathlib import Path

from lic.tools.course.exercises.grader import LIMIT
from lic.tools.course.exercises.lessons import plan
from lic.tools.course.exercises.workbook import OUTCOMES, check, find_answers, write_stubs
from lic.tools.files import write_whole
from lic.tools.usage import UsageError

EXAMPLES = """\
examples:
  lic learn exercises -o mine/                     write the exercises, to fill in with an editor
  lic learn exercises -o mine/ --notebooks         the same as Jupyter notebooks
  lic learn exercises mine/                        check all of them: right, not yet, or wrong with a hint
  lic learn exercises mine/12_gaussian_kl.py       check one
  lic learn exercises mine/ --json                 for a grader

Each file runs in a process of its own, which can neither import lic nor write files. The exit code is 0 if all answers
are right; an exercise whose file is missing is not yet right. The reference answers: tools/course/exercises/answers.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic learn exercises -o FOLDER | lic learn exercises ANSWERS [--json]"
    parser.epilog = EXAMPLES
    parser.add_argument("answers", type=Path, nargs="?", metavar="ANSWERS", help="folder or file to check")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="write exercises here; files that exist are kept"
    )
    parser.add_argument("--notebooks", action="store_true", help="write them as Jupyter notebooks")
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS", help="time for each file (20)")


def run(args: argparse.Namespace) -> int:
    if (args.answers is None) == (args.output is None):
        raise UsageError("give a folder to check, or one to write exercises to: -o FOLDER")
    if args.output is not None:
        written = write_stubs(args.output, args.notebooks)
        readme = args.output / "README.md"
        if not readme.exists():
            write_whole(readme, plan(".ipynb" if args.notebooks else ".py").encode())
        print(f"{len(written)} exercises written; {readme} has their order")
        print(f"fill in a file, then: lic learn exercises {args.output}")
        return 0
    verdicts = []
    for path in find_answers(args.answers):
        verdict = check(path, args.limit)
        verdicts.append(verdict)
        if not args.json:
            print(f"{verdict.state:<8} {path.stem:<27} {verdict.message}".rstrip(), flush=True)
    counts = Counter(verdict.state for verdict in verdicts)
    if args.json:
        print(json.dumps({"verdicts": [v._asdict() for v in verdicts]} | {state: counts[state] for state in OUTCOMES}))
    else:
        print(", ".join(f"{counts[state]} {state}" for state in OUTCOMES if counts[state]))
    return 0 if counts["right"] == len(verdicts) else 1
