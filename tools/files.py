"""Files that appear whole or not at all."""

import os
import tempfile
from pathlib import Path

PARTIAL_SUFFIX = ".lic-partial"  # what a killed process may leave behind; safe to delete


def write_whole(path: str | Path, data: bytes) -> None:
    """Write beside `path`, then rename: a reader sees the old file or the new one, never a part of it."""
    path = Path(path)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL_SUFFIX)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # mkstemp makes it private
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
