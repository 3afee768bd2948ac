"""The pictures to be converted by `lic encode` and `lic decode`, and the names of the outputs."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lic.tools.batch import storage
from lic.tools.batch.storage import STANDARD
from lic.tools.usage import BadOptions


class Job(NamedTuple):
    """One picture to convert."""

    source: str
    target: str
    resume: bool = False  # keep an output that is complete and newer than its input

    def again(self) -> "Job":
        """The job for another try, which keeps a complete output of an earlier one."""
        return self._replace(resume=True)


class Result(NamedTuple):
    """The outcome of a job."""

    before: int = 0  # bytes
    after: int = 0
    skipped: bool = False
    error: str = ""
    warnings: tuple[str, ...] = ()


def find_jobs(
    inputs: Sequence[str], output: str | None, suffix: str, extensions: frozenset[str], recursive: bool = False
) -> list[Job]:
    """A job for each file, URL and "-" of `inputs`, and for each file with one of the extensions in a folder of them.

    Hidden files are left out; `suffix` is that of the outputs.
    """
    folders = [name for name in inputs if storage.is_folder(name)]
    files = [name for name in inputs if name not in folders]
    if folders and output is not None:
        if output == STANDARD:
            raise BadOptions("a folder cannot go to standard output: give a folder as `output`")
        if not storage.is_folder(output) and storage.modified(output) is not None:
            raise BadOptions(f"{output} is a file: give a folder for several pictures")
        output = output.rstrip("/") + "/"
    jobs = [Job(*pair) for pair in zip(files, output_paths(files, output, suffix), strict=True)] if files else []
    for folder in folders:
        found = [name for name in storage.files_in(folder, recursive) if Path(name).suffix.lower() in extensions]
        if not found:
            more = "" if recursive else "; `recursive` looks into subfolders, too"
            raise BadOptions(f"no pictures in {folder}{more}")
        for name in found:
            source = _joined(folder, name)
            jobs.append(Job(source, _with_suffix(_joined(output or folder, name), suffix), resume=True))
    _distinct([job.target for job in jobs])
    return jobs


def _joined(folder: str, name: str) -> str:
    return storage.with_path(folder, storage.path_of(folder) / name)


def _with_suffix(name: str, suffix: str) -> str:
    return storage.with_path(name, storage.path_of(name).with_suffix(suffix))


def output_paths(inputs: Sequence[str], output: str | None, suffix: str) -> list[str]:
    """The output path of each input: beside it, the file `output`, or in the folder `output`.

    >>> output_paths(["a/x.png"], None, ".lic")
    ['a/x.lic']
    >>> output_paths(["a/x.png", "b/y.png"], "out", ".lic")
    ['out/x.lic', 'out/y.lic']
    """
    if output == STANDARD or (output is None and inputs == [STANDARD]):
        if len(inputs) > 1:
            raise BadOptions("several inputs cannot go to standard output: give a folder as `output`")
        return [STANDARD]
    if output is None:
        if STANDARD in inputs:
            raise BadOptions("say by `output` where the picture from standard input goes")
        return _distinct([_with_suffix(name, suffix) for name in inputs])
    if len(inputs) == 1 and not storage.is_folder(output) and not output.endswith(("/", "\\")):
        return [output]
    if STANDARD in inputs:
        raise BadOptions("a picture from standard input has no name: give a file as `output`, not a folder")
    return _distinct([_joined(output, Path(name).stem + suffix) for name in inputs])


def _distinct(paths: list[str]) -> list[str]:
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            raise BadOptions(f"two inputs would both be written to {path}: rename one, or run them apart")
        seen.add(path)
    return paths
