"""`lic completion`: a script that teaches the shell to complete `lic`.

The scripts are made from the parser when the code changes (tests/tools/commands/completions.py), since a parser that is
complete for all commands needs PyTorch, which takes seconds to import.
"""

import argparse
from pathlib import Path

SHELLS = ("bash", "zsh", "fish")
EXAMPLES = """\
Prints a script that completes commands, options and file names; it does not start Python.

  lic completion bash > ~/.local/share/bash-completion/completions/lic
  lic completion zsh > ~/.zfunc/_lic      with fpath+=~/.zfunc before compinit in .zshrc
  lic completion fish > ~/.config/fish/completions/lic.fish
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = EXAMPLES
    parser.add_argument("shell", choices=SHELLS)


def run(args: argparse.Namespace) -> int:
    print(script(args.shell), end="")
    return 0


def script(shell: str) -> str:
    return (Path(__file__).parents[1] / "completions" / f"lic.{shell}").read_text(encoding="utf-8")
