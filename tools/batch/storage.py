"""Files by path or by URL: local ones directly, https:// (to read) by urllib, others (s3://, gs://, ...) by fsspec.

Names are strings; the part of a URL after `://` is treated as a path. A dash is standard input or output.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lic.codec.errors import LicError
from lic.tools.extras import ExtraNeeded, require
from lic.tools.files import write_whole
from lic.tools.usage import BadOptions, describe

STANDARD = "-"
PROTOCOLS = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "sftp": "paramiko"}
TIMEOUT = 60  # seconds without an answer from a web server
MAX_DOWNLOAD = 2**30  # bytes, of which all are kept in memory


class StorageError(LicError):
    """A URL that cannot be read or written."""


@contextmanager
def _reaching(name: str) -> Iterator[None]:
    """Report errors of remote files in one line: the library of each storage has its own."""
    try:
        yield
    except LicError:
        raise
    except Exception as error:
        text = describe(error)
        password = re.search("://[^/]*?:([^/]+)@", name)
        for secret in [*(password.groups() if password else ()), *re.findall("[?#].+", name)]:  # libraries cite them
            text = text.replace(secret, "...")
        raise StorageError(f"cannot reach {name}: {text}") from error


def is_url(name: str) -> bool:
    return "://" in name


def with_path(name: str, path: Path) -> str:
    """The name of another path in the same storage.

    >>> with_path("s3://bucket/a.png", Path("bucket/b.png")), with_path("a.png", Path("b.png"))
    ('s3://bucket/b.png', 'b.png')
    """
    scheme, mark, _ = name.rpartition("://")
    return scheme + mark + path.as_posix() if mark else str(path)


def path_of(name: str) -> Path:
    """The path after the scheme.

    >>> path_of("s3://bucket/a.png").name, path_of("a.png").name
    ('a.png', 'a.png')
    """
    return Path(name.rpartition("://")[2])


def last_part(name: str) -> str:
    """A file's name in its folder; of a web address, without the part behind a question mark.

    >>> last_part("https://host/a.png?key=1"), last_part("in/a.png"), last_part("s3://bucket/a?.png")
    ('a.png', 'a.png', 'a?.png')
    """
    return path_of(re.split("[?#]", name)[0] if _is_web(name) else name).name


def _is_web(name: str) -> bool:
    return name.startswith(("http://", "https://"))


def _remote(name: str) -> tuple[Any, str]:
    """The file system of fsspec, and the path in it."""
    if _is_web(name):
        raise StorageError(f"cannot write to {name}: web pages can only be read, name a file as `output`")
    package = PROTOCOLS.get(name.partition("://")[0], "")
    try:
        system, path = require("fsspec").core.url_to_fs(name)
    except ExtraNeeded as error:
        raise ExtraNeeded(f"{error} {package}".rstrip()) from error
    except ImportError as error:
        package = package or f"and what fsspec asks for: {error}"
        raise ExtraNeeded(f"cannot open {name}: pip install 'lic-codec[distributed]' {package}") from error
    except ValueError as error:
        raise StorageError(f"cannot open {name}: {error}") from error
    return system, path


def read(name: str) -> bytes:
    if name == STANDARD:
        return sys.stdin.buffer.read()
    if _is_web(name):
        with _reaching(name):
            return _from_web(name)
    if not is_url(name):
        return Path(name).read_bytes()
    with _reaching(name):
        system, path = _remote(name)
        return bytes(system.cat_file(path))


def _from_web(name: str) -> bytes:
    import urllib.error  # not at the top: they take as long as a small file
    import urllib.request

    try:
        with urllib.request.urlopen(name, timeout=TIMEOUT) as answer:
            data = bytes(answer.read(MAX_DOWNLOAD + 1))
    except urllib.error.HTTPError as error:
        raise StorageError(f"the server answers: {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise StorageError(f"cannot reach the server: {reason}") from error
    if len(data) > MAX_DOWNLOAD:
        raise StorageError(f"the server sends more than {MAX_DOWNLOAD:,} bytes: download the file, and name that")
    return data


def write(name: str, data: bytes, *, replace: bool = False) -> None:
    """Write a file that appears whole or not at all, and unless `replace` only if there is none of that name.

    Folders are made as needed.
    """
    if name == STANDARD:
        rest = memoryview(data)
        while rest:  # without a buffer, as by PYTHONUNBUFFERED, a call may write only a part
            rest = rest[sys.stdout.buffer.write(rest) :]
        sys.stdout.buffer.flush()
        return
    if not is_url(name):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(name, data, replace=replace)
        return
    with _reaching(name):
        system, path = _remote(name)
        if not replace and system.exists(path):
            raise BadOptions(f"{name} exists: give `force` to overwrite it")
        system.makedirs(system._parent(path), exist_ok=True)
        with system.transaction, system.open(path, "wb") as file:
            file.write(data)


def remove(name: str) -> None:
    """Delete a file."""
    if not is_url(name):
        os.remove(name)
        return
    with _reaching(name):
        system, path = _remote(name)
        system.rm_file(path)


def size(name: str) -> int | None:
    """The bytes of a file; None without the file, and for devices and pipes."""
    if not is_url(name):
        return os.stat(name).st_size if name != STANDARD and os.path.isfile(name) else None
    with _reaching(name):
        system, path = _remote(name)
        return int(system.size(path)) if system.isfile(path) else None


def stamp(name: str) -> str:
    """A text that changes when a file does: its size and time, or what its storage has for that."""
    if not is_url(name):
        found = os.stat(name)
        return f"{found.st_size} {found.st_mtime_ns}"
    with _reaching(name):
        system, path = _remote(name)
        return str(system.ukey(path))


def identity(name: str) -> object:
    """Equal for two names of one file, links included."""
    try:
        found = os.stat(name)
    except (OSError, ValueError):
        return name if is_url(name) else os.path.realpath(name)
    return found.st_dev, found.st_ino


def preserve(source: str, target: str) -> None:
    """Give a file the mode and the times of another one, if both are local."""
    if not (is_url(source) or is_url(target) or STANDARD in (source, target)):
        shutil.copystat(source, target)


def is_folder(name: str) -> bool:
    if not is_url(name):
        return name != STANDARD and Path(name).is_dir()
    if _is_web(name):
        return False
    with _reaching(name):
        system, path = _remote(name)
        return bool(system.isdir(path))


def files_in(folder: str, recursive: bool) -> list[str]:
    """The files in a folder, by their paths in it, in order; hidden ones are left out."""
    if is_url(folder):
        with _reaching(folder):
            system, path = _remote(folder)
            found = [Path(name).relative_to(path) for name in system.find(path, maxdepth=None if recursive else 1)]
    else:
        paths = Path(folder).rglob("*") if recursive else Path(folder).iterdir()
        found = [path.relative_to(folder) for path in paths if path.is_file()]
    return sorted(str(path) for path in found if not any(part.startswith(".") for part in path.parts))
