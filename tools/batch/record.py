"""What runs over folders have made, so that a rerun does only what has changed.

It is in a hidden file in the folder of the outputs: for each output the state of its input, the settings, the model and
the version of `lic`, and the number of bytes written. An output that was being made when a run was interrupted has no
number of bytes.
"""

import json
import time
from contextlib import suppress
from typing import Any, NamedTuple

from lic.tools.batch import storage
from lic.tools.usage import BadOptions

NAME = ".lic-made.json"
SAVE_SECONDS = 5.0  # the work that an interruption may cost

Made = dict[str, Any]  # settings by name, and the model when encoding


class Entry(NamedTuple):
    """One output."""

    source: str  # storage.stamp of the input
    made: Made
    bytes: int | None = None


class Record:
    """The record of a folder."""

    def __init__(self, folder: str) -> None:
        from importlib.metadata import version  # not at the top: single pictures have no record

        self.folder = storage.path_of(folder)
        self.path = storage.with_path(folder, self.folder / NAME)
        self.entries = self._read()
        self.lic = version("lic-codec")
        self.saved = time.monotonic()

    def _read(self) -> dict[str, Entry]:
        if storage.size(self.path) is None:
            return {}
        try:
            return {name: Entry(*entry) for name, entry in json.loads(storage.read(self.path)).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise BadOptions(f"{self.path} is damaged: delete it, and run with `force`") from error

    def why_again(self, target: str, size: int, source: str, made: Made) -> str:
        """Why an output of that size must be made again; empty if it is up to date."""
        entry = self.entries.get(self._key(target))
        if entry is None:
            raise BadOptions(f"{target} exists, and no run over this folder has made it: give `force` to overwrite it")
        if entry.bytes != size:
            return "it was not finished, or was changed"
        if entry.source != source:
            return "the input has changed"
        return differences(entry.made, self._by_this_lic(made))

    def begin(self, target: str, source: str, made: Made) -> None:
        self.entries[self._key(target)] = Entry(source, self._by_this_lic(made))

    def finish(self, target: str, size: int) -> None:
        self.entries[self._key(target)] = self.entries[self._key(target)]._replace(bytes=size)
        if time.monotonic() - self.saved > SAVE_SECONDS:
            with suppress(OSError):  # there is another chance at the end
                self.save()

    def save(self) -> None:
        """Write the file, with the entries that other runs have added meanwhile."""
        self.saved = time.monotonic()
        storage.write(self.path, json.dumps(self._read() | self.entries, indent=0).encode())

    def _by_this_lic(self, made: Made) -> Made:
        return {"lic": self.lic} | made

    def _key(self, target: str) -> str:
        return storage.path_of(target).relative_to(self.folder).as_posix()


def differences(before: Made, now: Made) -> str:
    """The settings that differ, in words.

    >>> differences({"lic": "1.0", "quality": 50.0}, {"lic": "1.0", "quality": 90.0, "effort": 2})
    'effort 2 instead of the default, quality 90.0 instead of 50.0'
    """
    names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    default = "the default"
    return ", ".join(f"{name} {now.get(name, default)} instead of {before.get(name, default)}" for name in names)
