"""`lic learn exercises`: functions of the lectures to fill in, and a check of the answers."""

import argparse
from collections import Counter
from pathlib import Path

from lic.tools.course.exercises.workbook import check, find_answers, write_stubs
from lic.tools.usage import UsageError

EXAMPLES = """\
examples:
  lic learn exercises -o mine/                     write the exercises, to fill in with an editor
  lic learn exercises mine/                        check all of them: right, not yet, or wrong with a hint
  lic learn exercises mine/12_gaussian_kl.py       check one

The reference answers are in lic.tools.course.exercises.answers. The exit code is 0 if all answers are right.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic learn exercises -o FOLDER | lic learn exercises ANSWERS"
    parser.epilog = EXAMPLES
    parser.add_argument("answers", type=Path, nargs="?", metavar="ANSWERS", help="folder or file to check")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="write exercises here; files that exist are kept"
    )


def run(args: argparse.Namespace) -> int:
    if (args.answers is None) == (args.output is None):
        raise UsageError("give a folder to check, or one to write exercises to: -o FOLDER")
    if args.output is not None:
        written = write_stubs(args.output)
        print(f"{len(written)} exercises written. Fill in a file, then: lic learn exercises {args.output}")
        return 0
    states: Counter[str] = Counter()
    for path in find_answers(args.answers):
        verdict = check(path)
        states[verdict.state] += 1
        print(f"{verdict.state:<8} {path.stem:<27} {verdict.message}".rstrip())
    print(", ".join(f"{count} {state}" for state, count in states.items()))
    return 0 if set(states) == {"right"} else 1
