"""The pictures to be converted by `lic encode` and `lic decode`, and the names of the outputs."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from lic.tools.batch import storage
from lic.tools.batch.storage import STANDARD
from lic.tools.usage import BadOptions


class Job(NamedTuple):
    """One picture to convert."""

    source: str
    target: str
    folder: str = ""  # of the outputs, if the input was found in a folder; its record knows what is up to date
    frame: int | None = None  # of an animation or of several pages, counted from 0; the first if not given
    replaces: tuple[str, ...] = ()  # the hashes of outputs of an earlier run, which may be overwritten
    copy: str = ""  # where the input is copied to if the output would not be smaller


class Result(NamedTuple):
    """The outcome of a job."""

    before: int = 0  # bytes
    after: int = 0
    sha256: str = ""  # of the output
    pixels: int = 0
    psnr: float | None = None  # in dB, if it was measured
    skipped: bool = False
    why: str = ""  # it was skipped, or made again
    error: str = ""
    warnings: tuple[str, ...] = ()
    kept: bool = False  # the input itself is the output: a .lic file would not be smaller

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.skipped or bool(self.error)


Extensions = Callable[[], frozenset[str]]  # called for folders only: to list all kinds of pictures takes time


class Inputs(NamedTuple):
    """Jobs, and the files of unknown type that were in the folders."""

    jobs: list[Job]
    unknown: list[str]


def find_jobs(
    inputs: Sequence[str],
    output: str | None,
    suffix: str,
    extensions: Extensions,
    ignored: Extensions,
    *,
    recursive: bool = False,
    parents: bool = False,
) -> Inputs:
    """A job for each file, URL and "-" of `inputs`, and for each file with one of the extensions in a folder of them.

    Hidden files are left out, and those with `ignored` extensions. The output's name is the input's with `suffix`
    instead of the extension; where two would have the same, `suffix` follows the extension.
    """
    folders = [name for name in inputs if storage.is_folder(name)]
    files = [name for name in inputs if name not in folders]
    if output == STANDARD or (output is None and inputs == [STANDARD]):
        if len(inputs) > 1 or folders:
            raise BadOptions("several pictures cannot go to standard output: give a folder as `output`")
        return Inputs([Job(files[0], STANDARD)], [])
    if output is not None and not _is_folder(output):
        if len(inputs) > 1 or folders:
            raise BadOptions(
                f"{output} is no folder, which several pictures need: end its name with a slash to make it"
            )
        _check_folder(output, parents or recursive)
        return _safe([Job(files[0], output)], [])
    if STANDARD in inputs:
        raise BadOptions("a picture from standard input has no name: give a file as `output`")
    if output is not None:
        output = output.rstrip("/\\") + "/"
        _check_folder(output[:-1], parents or recursive)
    places = [Job(name, name if output is None else _joined(output, storage.last_part(name))) for name in files]
    unknown = []
    for folder in folders:
        found = storage.files_in(folder, recursive)
        wanted = extensions()
        pictures = [name for name in found if Path(name).suffix.lower() in wanted]
        if not pictures:
            more = "" if recursive else "; `recursive` looks into subfolders, too"
            raise BadOptions(f"no pictures in {folder}{more}")
        into = output or folder
        places += [Job(_joined(folder, name), _joined(into, name), into) for name in pictures]
        unknown += [name for name in found if Path(name).suffix.lower() not in wanted | ignored()]
    names = Counter(_with_suffix(job.target, suffix) for job in places)
    jobs = []
    for job in places:
        short = _with_suffix(job.target, suffix)
        jobs.append(job._replace(target=short if names[short] == 1 else job.target + suffix))
    return _safe(jobs, unknown)


def _joined(folder: str, name: str) -> str:
    return storage.with_path(folder, storage.path_of(folder) / name)


def _with_suffix(name: str, suffix: str) -> str:
    path = storage.path_of(name)
    return storage.with_path(name, path.with_name(path.stem + suffix))


def _is_folder(name: str) -> bool:
    return name.endswith(("/", "\\")) or storage.is_folder(name)


def _check_folder(path: str, parents: bool) -> None:
    """Refuse an output whose folder would have to be made, unless `parents` allows that: it may be mistyped."""
    above = Path(path).absolute().parent
    if not (parents or storage.is_url(path) or above.is_dir()):
        raise BadOptions(f"there is no folder {above}: make it first, or give `parents`")


def for_all_frames(found: Inputs, count: Callable[[str], int]) -> Inputs:
    """A job for each frame, `count` being their number, with numbered outputs where there are several."""
    jobs: list[Job] = []
    for job in found.jobs:
        frames = count(job.source)
        path = storage.path_of(job.target)
        for frame in range(frames if frames > 1 else 0):
            name = f"{path.stem}-{frame + 1:0{len(str(frames))}}{path.suffix}"
            jobs.append(job._replace(target=storage.with_path(job.target, path.with_name(name)), frame=frame))
        jobs += [job] if frames <= 1 else []
    return _safe(jobs, found.unknown)


def with_copies(found: Inputs) -> Inputs:
    """The same jobs, each with the place where its input is copied to if the output would not be smaller."""
    jobs = []
    for job in found.jobs:
        if job.source == STANDARD != job.target:
            raise BadOptions("a picture from standard input has no name for a copy: leave `only_if_smaller` out")
        path = storage.path_of(job.target).with_name(storage.last_part(job.source))
        jobs.append(job._replace(copy=STANDARD if job.target == STANDARD else storage.with_path(job.target, path)))
    return Inputs(jobs, found.unknown)


def _safe(jobs: list[Job], unknown: list[str]) -> Inputs:
    """Refuse jobs that would overwrite an input, or one another's outputs."""
    sources = {storage.identity(job.source): job.source for job in jobs}
    targets: set[str] = set()
    for job in jobs:
        if source := sources.get(storage.identity(job.target)):
            raise BadOptions(f"{job.target} is the input {source}, which would be lost: give another `output`")
        if job.target in targets:
            raise BadOptions(f"two inputs would both be written to {job.target}: rename one, or run them apart")
        targets.add(job.target)
    return Inputs(jobs, unknown)
