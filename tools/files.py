"""Finding pictures, PNG files, and files that appear whole or not at all."""

import contextlib
import io
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from lic.codec.picture.formats import readable_extensions
from lic.tools.usage import BadOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PARTIAL_SUFFIX = ".lic-partial"  # of files that a killed process leaves behind; safe to delete


def find_pictures(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Files as given, and below folders all that `lic encode` would read there, in sorted order."""
    for path in map(Path, paths):
        if not path.is_dir():
            yield path
            continue
        known = readable_extensions()
        for found in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
            if found.suffix.lower() in known and not hidden and found.is_file():
                yield found


def write_whole(path: str | Path, data: bytes, *, replace: bool = False) -> None:
    """Write beside `path`, then rename: a reader sees no part of a file.

    Unless `replace`, a file that exists with other content stays, and is an error: also one that appears meanwhile.
    Symbolic links are followed. Devices and pipes, which cannot be replaced, are written to directly.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        Path(path).write_bytes(data)
        return
    target = Path(os.path.realpath(path))
    if not replace and holds(target, data):
        return
    # Only the beginning of the name: a name of maximal length leaves no room for the suffix.
    partial = target.with_name(f".{target.name[:40]}.{os.urandom(8).hex()}{PARTIAL_SUFFIX}")
    try:
        with open(partial, "xb") as file:
            with contextlib.suppress(OSError):  # there is no file yet, or the file system knows no rights
                os.chmod(partial, stat.S_IMODE(target.stat().st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(partial, target)
        else:
            _rename_to_new(partial, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, FileExistsError):
            raise BadOptions(f"{path} exists: give `force` to overwrite it") from error
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error  # not the name of the partial file
        raise


def holds(path: Path, data: bytes) -> bool:
    """Whether there is a file with just this content."""
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def _rename_to_new(old: Path, new: Path) -> None:
    """Raise FileExistsError if there is a file of the new name."""
    if os.name == "nt":
        os.rename(old, new)
        return
    try:
        os.link(old, new)
    except FileExistsError:
        raise
    except OSError as error:  # a file system without hard links
        if new.exists():
            raise FileExistsError(str(new)) from error
        os.replace(old, new)
    else:
        old.unlink()


def png(pixels: "NDArray[np.uint8]") -> bytes:
    """Pixels as the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
