"""Files that appear whole or not at all."""

import contextlib
import os
import secrets
from pathlib import Path

PARTIAL_SUFFIX = ".lic-partial"  # what a killed process may leave behind; safe to delete


def write_whole(path: str | Path, data: bytes) -> None:
    """Write beside `path`, then rename: a reader sees the old file or the new one, never a part of it.

    A link is followed. Devices and pipes, which nothing can take the place of, are written to directly.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        Path(path).write_bytes(data)
        return
    target = Path(os.path.realpath(path))
    # Of the name only the beginning: the longest that a file may have leaves no room for more.
    partial = target.with_name(f".{target.name[:40]}.{secrets.token_hex(8)}{PARTIAL_SUFFIX}")
    try:
        with open(partial, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error  # not the name of the partial file
        raise
