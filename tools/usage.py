"""Errors of usage, for Python and for the command line.

Library code raises `BadOptions` and puts names of parameters between backticks, as in "give `force` to overwrite it".
Only commands mention flags: `in_flags` turns these names into flags, and errors that only a command line can have are
`UsageError`s. Both lead to exit code 2.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from lic.codec.errors import BadSetting, LicError
from lic.codec.picture.metadata import KINDS
from lic.tools.extras import remedy

NO_MEMORY = "there is not enough memory: close other programs, or work on fewer or smaller pictures at a time"
MORE = "more options"  # the group of a command's options that only --help shows, not -h


class BadOptions(BadSetting):
    """Invalid options or combinations of options; their names are between backticks."""


class UsageError(Exception):
    """An invalid command line."""


def in_flags(message: str) -> str:
    """The message of an error, with flags instead of parameter names.

    >>> in_flags("raise `max_pixels`, or leave `lambda_` out")
    'raise --max-pixels, or leave --lambda out'
    """
    return re.sub(r"`([a-z]\w*?)_?`", lambda name: "--" + name[1].replace("_", "-"), message)


def with_all_strip(argv: Sequence[str]) -> list[str]:
    """A command line in which `--strip` has its value: argparse would take a file's name after it for that.

    >>> with_all_strip(["--strip", "a.jpg"]), with_all_strip(["--strip", "gps", "a.jpg"])
    (['--strip=all', 'a.jpg'], ['--strip', 'gps', 'a.jpg'])
    """
    following = [*argv[1:], ""]
    alone = [not set(word.split(",")) <= set(KINDS) for word in following]
    return ["--strip=all" if word == "--strip" and a else word for word, a in zip(argv, alone, strict=True)]


def describe(error: Exception) -> str:
    """An error in one line; with Python's name of it only if it is unexpected."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, ModuleNotFoundError) and (text := remedy(error.name or "")):
        return text
    if isinstance(error, MemoryError):
        return NO_MEMORY
    text = " ".join(str(error).split())
    return text if isinstance(error, (LicError, OSError, ValueError)) else f"{type(error).__name__}: {text}"


def redacted(text: str) -> str:
    """A text in which URLs have neither a password nor what follows a question mark, which may be a key.

    >>> redacted("https://me:secret@host/a.png?key=1: gone")
    'https://host/a.png?...: gone'
    """
    text = re.sub(r"://[^/\s]*@", "://", text)
    return re.sub(r"(://[^\s?#]*)[?#]\S*?(?=[:,;)']*(?:\s|$))", r"\1?...", text)


def printable(text: str) -> str:
    """A text for a terminal, which obeys control characters: without secrets, on one line.

    >>> printable("a\\x1b[2J\\n.png: b\\udcff")
    'a\\\\x1b[2J\\\\n.png: b\\\\udcff'
    """
    letters = redacted(text)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in letters)


def add_force(parser: argparse._ActionsContainer) -> None:
    """The option by which files that exist may be overwritten."""
    parser.add_argument("-f", "--force", action="store_true", help="overwrite files that exist")


def check_output(path: str | Path, *suffixes: str, force: bool) -> None:
    """Before any work, refuse an output that cannot be written, has the wrong extension, or exists unless `force`."""
    if suffixes and Path(path).suffix.lower() not in suffixes:
        raise UsageError(f"cannot write {path}: its name must end in {' or '.join(suffixes)}")
    if not Path(path).absolute().parent.is_dir():
        raise UsageError(f"there is no folder for {path}: make it first")
    if Path(path).is_file() and not force:
        raise UsageError(f"{path} exists: give --force to overwrite it")


def positive(text: str) -> int:
    """The value of an option that counts something."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"give a number from 1 on, not {text!r}")
    return int(text)


def split_names(words: Sequence[str]) -> list[str]:
    """Names that spaces or commas separate, each once.

    >>> split_names(["lic,jpeg", "webp", "lic"])
    ['lic', 'jpeg', 'webp']
    """
    return list(dict.fromkeys(name for word in words for name in word.split(",") if name))
