"""The `lic` command. Each subcommand is a module with `add_arguments(parser)` and `run(args) -> exit code`.

Only the module of the subcommand in use is imported, and commands that should start fast (`info`, `models`, all help)
import numpy, torch and the like inside of the functions that need them.
"""

import argparse
import importlib
import io
import os
import shlex
import shutil
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from lic.codec.errors import BadSetting, LicError
from lic.codec.model.catalogue import MODELS_VARIABLE, model_folders
from lic.tools.extras import remedy
from lic.tools.interruption import Terminated
from lic.tools.usage import MORE, NO_MEMORY, UsageError, in_flags, printable, with_all_strip

# name: (module, one line of help), in the order of `lic --help`; a group has its own commands instead of a module
COURSE = {
    "theory": ("lic.tools.course.commands.theory", "a page of equations, code and figures side by side"),
    "exercises": (
        "lic.tools.course.commands.exercises",
        "functions to fill in, and a check with hints",
    ),
    "figures": (
        "lic.tools.course.commands.figures",
        "pictures from real data, as PNG files with captions",
    ),
    "vae": ("lic.tools.course.commands.vae_actions", "the variational autoencoder on the codec's layers"),
}
COMMANDS: dict[str, tuple[Any, str]] = {
    "encode": ("lic.tools.commands.encode", "pictures to .lic files"),
    "decode": ("lic.tools.commands.decode", ".lic files to PNG or any other format"),
    "edit": ("lic.tools.commands.edit", "other metadata in .lic files, without decoding them"),
    "info": ("lic.tools.commands.show_info", "size, quality, model and sections of .lic files"),
    "view": ("lic.tools.commands.view", "show .lic files in the browser"),
    "desktop": ("lic.tools.commands.desktop", "let the desktop know .lic files: their type, thumbnails, a viewer"),
    "page": ("lic.tools.commands.make_page", "a page that decodes and shows .lic files in any browser, offline"),
    "demo": ("lic.tools.commands.demo", "encode sample pictures and compare with JPEG"),
    "eval": ("lic.tools.commands.evaluate", "measure files of lic and other codecs on pictures"),
    "plot": ("lic.tools.commands.plot", "rate-distortion curves and Bjontegaard tables of such measurements"),
    "compare": ("lic.tools.commands.compare", "one photo by several codecs at the same size, side by side"),
    "report": ("lic.tools.commands.report", "a page about a trained model: curves, pictures, errors, bits"),
    "doctor": ("lic.tools.commands.doctor", "versions, the processor, and whether each model works"),
    "completion": ("lic.tools.commands.completion", "a script that teaches the shell to complete `lic`"),
    "models": ("lic.tools.commands.list_models", "list the trained models that are installed"),
    "train": ("lic.tools.commands.train", "train a model, or new lambda points of one"),
    "export": ("lic.tools.commands.export", "make a model file from a training run"),
    "learn": (COURSE, "what follows the lectures: theory, exercises, figures, the variational autoencoder"),
}


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Compact help: each option and its description on one line where possible."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=max(80, shutil.get_terminal_size().columns - 2))


class ShortHelp(argparse.Action):
    """`-h`: the help without the options of the group `MORE`, so that it fits a screen."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        groups = parser._action_groups
        parser._action_groups = [group for group in groups if group.title != MORE]
        if len(parser._action_groups) < len(groups):
            parser.epilog = f"more options: {parser.prog} --help"
        parser.print_help()
        parser.exit()


class ShowVersion(argparse._VersionAction):
    """`--version`, which looks the version up when it is asked for: that takes as long as all of `lic info`."""

    def __call__(self, *arguments: Any) -> None:
        from importlib.metadata import version

        self.version = f"lic {version('lic-codec')}"
        super().__call__(*arguments)


class CommandParser(argparse.ArgumentParser):
    """The parser of one command. Its module is imported, and adds the options, when they are needed."""

    module = ""
    words: Sequence[str] = ()  # of the command line

    def complete(self) -> None:
        if not self.module:
            return
        try:
            importlib.import_module(self.module).add_arguments(self)
        except ModuleNotFoundError as error:
            if not ((text := remedy(error.name or "")) and {"-h", "--help"} & {*self.words}):
                raise
            self.epilog = f"To show all options, {text}"
        self.module = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.words = args or ()
        self.complete()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        for word in self.words:
            if word.startswith("-") and os.path.exists(word):
                message += f"; {word} is a file: names that begin with a dash go after --, as in {self.prog} -- *.jpg"
                break
        super().error(message)


def build_parser(*, complete: bool = False) -> argparse.ArgumentParser:
    """The parser of all commands; `complete` with the options of each, not only of that in use."""
    parser = CommandParser(prog="lic", description="A learned image codec.")
    parser.add_argument("-V", "--version", action=ShowVersion)
    add_commands(parser, COMMANDS, complete)
    return parser


def add_commands(parser: CommandParser, commands: Mapping[str, tuple[Any, str]], complete: bool) -> None:
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=CommandParser)
    for name, (module, line) in commands.items():
        subparser = subparsers.add_parser(
            name, help=line, description=line, formatter_class=HelpFormatter, add_help=False
        )
        subparser.add_argument(
            "-h", action=ShortHelp, nargs=0, default=argparse.SUPPRESS, help="show the most important options"
        )
        subparser.add_argument("--help", action="help", help="show all options")
        if not isinstance(module, str):
            add_commands(subparser, module, complete)
            continue
        subparser.set_defaults(parser=subparser, module=module)
        subparser.module = module
        if complete:
            subparser.complete()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns 0, 1 if something failed, 2 for wrong usage, 130 for Ctrl-C, 143 for SIGTERM."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv[:1] == ["help"]:
        argv = [*argv[1:], "--help"]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for names of files that are no UTF-8, as on stderr
    with warnings.catch_warnings():
        warnings.showwarning = show_warning
        code, message = _run(argv)
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter will flush it once more
        if not code and not isinstance(error, BrokenPipeError):
            code, message = 1, f"standard output: {error.strerror}"
    if message:
        print(printable(f"lic {argv[0]}: {message}"), file=sys.stderr)
    return code


def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning as one line, like errors, instead of with a line of code as Python shows it."""
    print(printable(f"lic: {in_flags(str(message))}"), file=sys.stderr)


def _run(argv: Sequence[str]) -> tuple[int, str]:
    """The exit code and the error message."""
    try:
        parser = build_parser()
        if not argv:
            parser.print_help()
            return 2, ""
        args, unknown = parser.parse_known_args(with_all_strip(argv))
        subparser, module = vars(args).pop("parser"), vars(args).pop("module")
        if unknown:
            subparser.error(f"unrecognized arguments: {shlex.join(unknown)}")
        for folder in model_folders():
            if not folder.is_dir():
                text = f"lic {argv[0]}: {MODELS_VARIABLE} names {folder}, which is no folder"
                print(printable(text), file=sys.stderr)
        args.command_line = shlex.join(["lic", *argv])
        return int(importlib.import_module(module).run(args)), ""
    except (BadSetting, UsageError) as error:
        return 2, in_flags(str(error))
    except LicError as error:
        return 1, in_flags(str(error))
    except ModuleNotFoundError as error:
        if not (message := remedy(error.name or "")):
            raise
        return 1, message
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        return 0, ""
    except MemoryError:
        return 1, NO_MEMORY
    except OSError as error:  # a full disk, a folder without write permission
        where = f"{error.filename}: " if error.filename else ""
        return 1, f"{where}{error.strerror or error}"
    except Terminated:
        return 143, ""
    except KeyboardInterrupt:
        return 130, ""
