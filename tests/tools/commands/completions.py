"""The scripts of `lic completion`, made of the parser.

    python -m tests.tools.commands.completions    # in the repository's root: rewrites them

`test_completion.py` fails where they differ from what the parser knows, so run this when options change.
"""

import argparse
from pathlib import Path

import shtab

from lic.tools.cli import COMMANDS, build_parser
from lic.tools.commands.completion import SHELLS

FOLDER = Path(__file__).parents[3] / "tools" / "completions"


def make_script(shell: str) -> str:
    parser = build_parser(COMMANDS)
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for command in commands.choices.values():
        for action in command._actions:
            if action.nargs != 0 and not action.choices:
                action.complete = shtab.FILE
    return f"{shtab.complete(parser, shell).rstrip()}\n"


if __name__ == "__main__":
    for name in SHELLS:
        (FOLDER / f"lic.{name}").write_text(make_script(name), encoding="utf-8")
