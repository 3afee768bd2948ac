"""The scripts of `lic completion`, made of the parser.

    python -m tests.tools.commands.completions    # in the repository's root: rewrites them

`test_completion.py` fails where they differ from what the parser knows, so run this when options change.
"""

import argparse
from pathlib import Path

import shtab

from lic.tools.cli import build_parser
from lic.tools.commands.completion import SHELLS

FOLDER = Path(__file__).parents[3] / "tools" / "completions"


def make_script(shell: str) -> str:
    parser = build_parser(complete=True)
    parsers: list[argparse.ArgumentParser] = [parser]
    for command in parsers:  # grows by subcommands
        for action in command._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
            elif command is not parser and action.nargs != 0 and not action.choices:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return f"{shtab.complete(parser, shell).rstrip()}\n"


if __name__ == "__main__":
    for name in SHELLS:
        (FOLDER / f"lic.{name}").write_text(make_script(name), encoding="utf-8")
