"""Shared by commands that read files: standard input, and errors in one line."""

import sys

from lic.codec.errors import LicError
from lic.tools.batch import storage
from lic.tools.extras import remedy

STANDARD = "-"  # standard input or output


def read_input(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == STANDARD else storage.read(name)


def describe(error: Exception) -> str:
    """An error in one line; with Python's name of it only if it is unexpected."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, ModuleNotFoundError) and (text := remedy(error.name or "")):
        return text
    text = " ".join(str(error).split())
    return text if isinstance(error, (LicError, OSError, ValueError)) else f"{type(error).__name__}: {text}"
