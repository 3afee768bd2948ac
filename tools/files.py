"""Finding pictures, PNG files, and files that appear whole or not at all."""

import contextlib
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PARTIAL_SUFFIX = ".lic-partial"  # what a killed process may leave behind; safe to delete


def find_pictures(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Files as given, and all files of known picture types below folders, in sorted order."""
    known = Image.registered_extensions()
    for path in map(Path, paths):
        if path.is_dir():
            yield from (p for p in sorted(path.rglob("*")) if p.suffix.lower() in known and p.is_file())
        else:
            yield path


def write_whole(path: str | Path, data: bytes) -> None:
    """Write beside `path`, then rename: a reader sees the old file or the new one, never a part of it.

    Symbolic links are followed. Devices and pipes, which cannot be replaced, are written to directly.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        Path(path).write_bytes(data)
        return
    target = Path(os.path.realpath(path))
    # Only the beginning of the name: a name of maximal length leaves no room for the suffix.
    partial = target.with_name(f".{target.name[:40]}.{os.urandom(8).hex()}{PARTIAL_SUFFIX}")
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


def png(pixels: "NDArray[np.uint8]") -> bytes:
    """Pixels as the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
