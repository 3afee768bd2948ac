"""A record of the outputs of runs over folders, so that a rerun does only what has changed.

It is a hidden file in the folder of the outputs. For each output it has the state of its input, the settings, the model
and the version of `lic`, and the hash and the state of the output as written. So an output that somebody has changed
since is recognised, and kept.
"""

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from lic.tools.batch import storage
from lic.tools.usage import BadOptions

NAME = ".lic-made.json"
SAVE_SECONDS = 5.0  # the work that an interruption may cost

NamedSettings = dict[str, Any]  # settings by name, and the model when encoding


class Entry(NamedTuple):
    """One output."""

    source: str  # storage.stamp of the input
    settings: NamedSettings
    done: bool = False  # or a run was interrupted while it was made
    sha256: str = ""  # of the output that the last complete run has written
    written: str = ""  # its storage.stamp
    input: str = ""  # the path of the input, if that is no URL, which may hold a password

    def why_again(self, source: str, settings: NamedSettings) -> str:
        """Why an output must be made again, from that input with those settings; empty if it is up to date."""
        if not self.done:
            return "it was not finished"
        return "the input has changed" if self.source != source else differences(self.settings, settings)

    def matches(self, target: str) -> bool:
        """Whether the output is as it was written."""
        return self.written == storage.stamp(target) or self.sha256 == digest(storage.read(target))


class Record:
    """The record of a folder."""

    def __init__(self, folder: str) -> None:
        from importlib.metadata import version  # not at the top: single pictures have no record

        self.folder = storage.path_of(folder)
        self.path = storage.with_path(folder, self.folder / NAME)
        self.entries = self._read()
        self.forgotten: set[str] = set()
        self.lic = version("lic-codec")
        self.saved = time.monotonic()

    def _read(self) -> dict[str, Entry]:
        if storage.size(self.path) is None:
            return {}
        try:
            entries = {name: Entry(*entry) for name, entry in json.loads(storage.read(self.path)).items()}
            if not all(isinstance(entry.settings, dict) for entry in entries.values()):
                raise ValueError("an entry without settings")
            return entries
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise BadOptions(f"{self.path} is damaged: delete it, and run with `force`") from error

    def find(self, target: str) -> Entry:
        """The entry of an output that exists."""
        entry = self.entries.get(self._key(target))
        if entry is None:
            raise BadOptions(f"{target} exists, and no run over this folder has made it: give `force` to overwrite it")
        return entry

    def hash_of(self, target: str) -> str:
        """The hash of an output that a run has written; empty if none has."""
        entry = self.entries.get(self._key(target))
        return entry.sha256 if entry else ""

    def begin(self, target: str, source: str, settings: NamedSettings) -> None:
        stamp, path = storage.stamp(source), "" if storage.is_url(source) else os.path.abspath(source)
        before = self.entries.get(self._key(target), Entry(stamp, settings))
        self.entries[self._key(target)] = before._replace(source=stamp, settings=settings, done=False, input=path)

    def finish(self, target: str, sha256: str) -> None:
        entry = self.entries[self._key(target)]
        written = storage.stamp(target)
        self.entries[self._key(target)] = entry._replace(done=True, sha256=sha256, written=written)
        if time.monotonic() - self.saved > SAVE_SECONDS:
            with suppress(OSError):  # there is another chance at the end
                self.save()

    def orphans(self, folders: Sequence[str]) -> list[str]:
        """The outputs of pictures that were in these folders and are no more."""
        roots = [Path(os.path.abspath(folder)) for folder in folders if not storage.is_url(folder)]
        return [
            storage.with_path(self.path, self.folder / name)
            for name, entry in self.entries.items()
            if entry.input and not os.path.lexists(entry.input)
            if any(Path(entry.input).is_relative_to(root) for root in roots)
        ]

    def is_as_written(self, target: str) -> bool:
        """Whether an output that exists was written by a run, and not changed since."""
        entry = self.entries.get(self._key(target))
        return entry is not None and bool(entry.sha256) and entry.matches(target)

    def remove(self, target: str) -> None:
        """Remove an output, and its entry."""
        storage.remove(target)
        self.forget(target)

    def forget(self, target: str) -> None:
        if self.entries.pop(self._key(target), None) is not None:
            self.forgotten.add(self._key(target))

    def save(self) -> None:
        """Write the file, with the entries that other runs have added meanwhile."""
        self.saved = time.monotonic()
        others = {name: entry for name, entry in self._read().items() if name not in self.forgotten}
        storage.write(self.path, json.dumps(others | self.entries, indent=0).encode(), replace=True)

    def by_this_lic(self, settings: NamedSettings) -> NamedSettings:
        """Settings with the version that is running."""
        return {"lic": self.lic} | settings

    def _key(self, target: str) -> str:
        return storage.path_of(target).relative_to(self.folder).as_posix()


def digest(data: bytes) -> str:
    """The hash by which an output is recognised."""
    import hashlib  # not at the top: --help does without

    return hashlib.sha256(data).hexdigest()


def differences(before: NamedSettings, now: NamedSettings) -> str:
    """The settings that differ, in words.

    >>> differences({"lic": "1.0", "quality": 50.0}, {"lic": "1.0", "quality": 90.0, "effort": 2})
    'effort 2 instead of the default, quality 90.0 instead of 50.0'
    """
    names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    default = "the default"
    return ", ".join(f"{name} {now.get(name, default)} instead of {before.get(name, default)}" for name in names)
