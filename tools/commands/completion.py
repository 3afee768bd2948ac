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
    parser = args.whole_parser()
    print(fish(parser) if args.shell == "fish" else other(parser, args.shell))
    return 0


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of the subcommands, by name."""
    actions = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(actions[0].choices) if actions else {}


def other(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for bash or zsh, by shtab."""
    shtab = require("shtab")
    for command in subparsers(parser).values():
        for action in command._actions:
            if action.nargs != 0 and not action.choices:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))


def fish(parser: argparse.ArgumentParser) -> str:
    """The script for fish, which shtab does not write.

    >>> parser = argparse.ArgumentParser()
    >>> command = parser.add_subparsers().add_parser("go")
    >>> _ = command.add_argument("-f", "--fast", action="store_true", help="don't wait")
    >>> print(fish(parser).splitlines()[-1])
    complete -c lic -n '__fish_seen_subcommand_from go' -s f -l fast -d 'don\\'t wait'
    """
    lines = []
    helps = {action.dest: action.help or "" for a in parser._actions for action in getattr(a, "_choices_actions", ())}
    for name, command in subparsers(parser).items():
        lines.append(f"complete -c lic -f -n __fish_use_subcommand -a {name} -d {quote(helps.get(name, ''))}")
        for action in command._actions:
            short = [f"-s {o[1:]}" for o in action.option_strings if not o.startswith("--")]
            long = [f"-l {o[2:]}" for o in action.option_strings if o.startswith("--")]
            values = [f"-x -a {quote(' '.join(map(str, action.choices)))}"] if action.choices else []
            needs = ["-r"] if action.nargs != 0 and not values else []
            if action.option_strings:
                words = [*short, *long, *values, *needs, f"-d {quote(action.help or '')}"]
                lines.append(f"complete -c lic -n '__fish_seen_subcommand_from {name}' {' '.join(words)}")
            elif values:
                lines.append(f"complete -c lic -n '__fish_seen_subcommand_from {name}' {values[0]}")
    return "\n".join(lines)


def quote(text: str) -> str:
    """A string of fish: only backslash and quote are special between single quotes."""
    escaped = text.replace("%%", "%").replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
