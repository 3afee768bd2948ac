"""Files by path or by URL: local ones directly, others (s3://, gs://, memory://, ...) through fsspec.

Names are strings; of a URL, what follows `://` is treated as a path. A dash is standard input or output.
"""

import sys
from datetime import timezone
from pathlib import Path
from typing import Any

from lic.tools.extras import require
from lic.tools.files import write_whole

STANDARD = "-"


def is_url(name: str) -> bool:
    return "://" in name


def with_path(name: str, path: Path) -> str:
    """The name of another path in the same storage.

    >>> with_path("s3://bucket/a.png", Path("bucket/b.png")), with_path("a.png", Path("b.png"))
    ('s3://bucket/b.png', 'b.png')
    """
    scheme, mark, _ = name.rpartition("://")
    return scheme + mark + str(path)


def path_of(name: str) -> Path:
    """The path after the scheme.

    >>> path_of("s3://bucket/a.png").name, path_of("a.png").name
    ('a.png', 'a.png')
    """
    return Path(name.rpartition("://")[2])


def _remote(name: str) -> tuple[Any, str]:
    """The file system of fsspec, and the path in it."""
    system, path = require("fsspec").core.url_to_fs(name)
    return system, path


def read(name: str) -> bytes:
    if name == STANDARD:
        return sys.stdin.buffer.read()
    if not is_url(name):
        return Path(name).read_bytes()
    system, path = _remote(name)
    return bytes(system.cat_file(path))


def write(name: str, data: bytes) -> None:
    """Write a file that appears whole or not at all; folders are made as needed."""
    if name == STANDARD:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    if not is_url(name):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(name, data)
        return
    system, path = _remote(name)
    system.makedirs(system._parent(path), exist_ok=True)
    with system.transaction, system.open(path, "wb") as file:
        file.write(data)


def modified(name: str) -> float | None:
    """The modification time of a file in seconds; None without the file, 0 if the storage has no times."""
    if not is_url(name):
        return Path(name).stat().st_mtime if name != STANDARD and Path(name).exists() else None
    system, path = _remote(name)
    if not system.exists(path):
        return None
    try:
        time = system.modified(path)
    except NotImplementedError:
        return 0.0
    return float((time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp())


def is_folder(name: str) -> bool:
    if not is_url(name):
        return name != STANDARD and Path(name).is_dir()
    system, path = _remote(name)
    return bool(system.isdir(path))


def files_in(folder: str, recursive: bool) -> list[str]:
    """The files in a folder, by their paths in it, in order; hidden ones are left out."""
    if is_url(folder):
        system, path = _remote(folder)
        found = [Path(name).relative_to(path) for name in system.find(path, maxdepth=None if recursive else 1)]
    else:
        paths = Path(folder).rglob("*") if recursive else Path(folder).iterdir()
        found = [path.relative_to(folder) for path in paths if path.is_file()]
    return sorted(str(path) for path in found if not any(part.startswith(".") for part in path.parts))
