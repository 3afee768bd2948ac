"""`lic completion`: a script that teaches the shell to complete `lic`, made from the parser."""

import argparse

from lic.tools.extras import require

EXAMPLES = """\
Prints a script that completes commands, options and file names; it does not start Python.

  lic completion bash > ~/.local/share/bash-completion/completions/lic
  lic completion zsh > ~/.zfunc/_lic      with fpath+=~/.zfunc before compinit in .zshrc
  lic completion fish > ~/.config/fish/completions/lic.fish
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = EXAMPLES
    parser.add_argument("shell", choices=["bash", "zsh", "fish"])


def run(args: argparse.Namespace) -> int:
    shtab, parser = require("shtab"), args.whole_parser()
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for command in commands.choices.values():
        for action in command._actions:
            if action.nargs != 0 and not action.choices:
                action.complete = shtab.FILE
    print(shtab.complete(parser, args.shell))
    return 0
