"""Wrong usage, in the words of Python and in those of the command line.

Library code raises `BadOptions`, and names parameters between backticks, as in "give `force` to overwrite it". Only the
commands speak of flags: `in_flags` makes them of these names, and what only a command line can get wrong is a
`UsageError`. Both end with exit code 2.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from lic.codec.errors import BadSetting


class BadOptions(BadSetting):
    """Options that cannot be used, or not together; their names stand between backticks."""


class UsageError(Exception):
    """A command line that makes no sense."""


def in_flags(message: str) -> str:
    """The message of an error with flags in place of the parameters' names.

    >>> in_flags("raise `max_pixels`, or leave `lambda_` out")
    'raise --max-pixels, or leave --lambda out'
    """
    return re.sub(r"`([a-z]\w*?)_?`", lambda name: "--" + name[1].replace("_", "-"), message)


def check_output(path: str, *suffixes: str) -> None:
    """Refuse, before any work is done, a file that cannot be written, or that is not named as its kind should be."""
    if suffixes and Path(path).suffix.lower() not in suffixes:
        raise UsageError(f"cannot write {path}: its name must end in {' or '.join(suffixes)}")
    if not Path(path).absolute().parent.is_dir():
        raise UsageError(f"there is no folder for {path}: make it first")


def split_names(words: Sequence[str]) -> list[str]:
    """Names that spaces or commas separate, each once.

    >>> split_names(["lic,jpeg", "webp", "lic"])
    ['lic', 'jpeg', 'webp']
    """
    return list(dict.fromkeys(name for word in words for name in word.split(",") if name))
