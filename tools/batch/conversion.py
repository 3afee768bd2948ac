"""Converting many pictures, in processes or on a cluster; failures do not stop a run, and a run can be repeated."""

import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from lic.codec.errors import LicError
from lic.codec.threads import threads as usual_threads
from lic.codec.threads import use_threads
from lic.tools.batch import storage
from lic.tools.batch.cluster import in_cluster
from lic.tools.batch.jobs import Job, Result
from lic.tools.batch.record import NamedSettings, Record, digest
from lic.tools.memory import return_large_blocks
from lic.tools.usage import BadOptions, describe


class Converted(NamedTuple):
    """A converted picture."""

    data: bytes
    pixels: int
    psnr: float | None = None  # in dB, if it was to be measured
    kept: bool = False  # `data` is the input itself, since the result would not be smaller


Convert = Callable[[bytes, Job], Converted]  # from the bytes of the input


class Plan:
    """The jobs that are left to do: outputs that are up to date are skipped, other files are not overwritten."""

    def __init__(self, jobs: Sequence[Job], settings: NamedSettings, force: bool = False) -> None:
        self.settings, self.force = settings, force
        self.records = {folder: Record(folder) for folder in {job.folder for job in jobs if job.folder}}
        self.jobs = [job._replace(replaces=self._hashes(job)) for job in jobs]
        self.known = [self._known(job) for job in self.jobs]

    def _hashes(self, job: Job) -> tuple[str, ...]:
        """The hashes of the outputs of an earlier run."""
        if not job.folder:
            return ()
        found = (self.records[job.folder].hash_of(place) for place in (job.target, job.copy) if place)
        return tuple(filter(None, found))

    def _known(self, job: Job) -> Result:
        """The result of a job that needs no work; otherwise only why it is done again."""
        if self.force:
            return Result()
        try:
            places = [place for place in (job.target, job.copy) if place and storage.size(place) is not None]
            for place in places:
                own = storage.identity(place) == storage.identity(job.source)
                if not own or (job.folder and self.records[job.folder].hash_of(place)):
                    return self._known_output(job, place, own)
        except (LicError, OSError) as error:
            return Result(error=describe(error))
        return Result()

    def _known_output(self, job: Job, place: str, own: bool) -> Result:
        """The same for an output that exists, which is the `own` input if that was no larger."""
        if not job.folder:
            raise BadOptions(f"{place} exists: give `force` to overwrite it")
        record = self.records[job.folder]
        entry = record.find(place)
        why = entry.why_again(storage.stamp(job.source), record.by_this_lic(self.settings))
        changed = entry.done and not own and not entry.matches(place)
        if changed and why:
            text = f"{place} was changed after it was made, and now {why}: give `force` to overwrite it"
            return Result(error=text)
        said = (f"{place} was changed after it was made: it is kept, `force` overwrites it",) if changed else ()
        size, kept = storage.size(place) or 0, place == job.copy
        return Result(why=why) if why else Result(after=size, skipped=True, why="up to date", warnings=said, kept=kept)

    def prune(self, folders: Sequence[str], dry: bool = False) -> Iterator[str]:
        """Remove outputs of pictures that were in these folders and are gone, as records tell; yields messages."""
        for record in self.records.values():
            for target in record.orphans(folders):
                if storage.size(target) is None:
                    record.forget(target)
                elif not record.is_as_written(target):
                    yield f"{target}: its input is gone, but it was changed after it was made: it is kept"
                elif dry:
                    yield f"{target} (its input is gone: it would be removed)"
                else:
                    record.remove(target)
                    yield f"{target}: removed, its input is gone"
            if not dry:
                record.save()

    def run(
        self,
        convert: Convert,
        *,
        preserve: bool = False,
        processes: int = 1,
        threads: int | None = None,
        cluster: str | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> Iterator[Result]:
        """The results, in order: from this process, several processes, or the Dask cluster of a scheduler.

        Outputs get the mode and times of their inputs by `preserve`. The processes share the cores if the number of
        `threads` for each is not given. Once `stopping` says so, processes begin no further picture; the results end
        after those that were begun.
        """
        todo = [job for job, known in zip(self.jobs, self.known, strict=True) if not known.settled]
        work = partial(convert_one, convert=convert, preserve=preserve, force=self.force)
        results = _convert_all(todo, work, processes, threads, cluster, stopping)
        for job in todo:
            if job.folder:
                record = self.records[job.folder]
                with suppress(OSError):  # the conversion will report an input that has gone
                    record.begin(job.target, job.source, record.by_this_lic(self.settings))
        with suppress(OSError):  # the conversions will report a place where nothing can be written
            self._save(todo)
        done: dict[int, Result] = {}  # of `todo`, by number
        numbers = iter(range(len(todo)))
        try:
            for known in self.known:
                if known.settled:
                    yield known
                    continue
                wanted = next(numbers)
                while wanted not in done:
                    if (found := next(results, None)) is None:
                        return
                    number, result = found
                    job = todo[number]
                    if job.folder and not result.error:
                        with suppress(OSError):  # somebody has taken the output away
                            self._note(job, result)
                    done[number] = result
                yield done.pop(wanted)._replace(why=known.why)
        finally:
            results.close()
            self._save(todo)

    def _note(self, job: Job, result: Result) -> None:
        """Record an output, and remove the one that it takes the place of: a .lic file or a copy of the input."""
        record = self.records[job.folder]
        place, other = (job.copy, job.target) if result.kept else (job.target, job.copy)
        if result.kept:
            record.begin(place, job.source, record.by_this_lic(self.settings))
        record.finish(place, result.sha256)
        if not other:
            return
        is_input = storage.identity(other) == storage.identity(job.source)
        if not is_input and storage.size(other) is not None and record.is_as_written(other):
            record.remove(other)
        record.forget(other)

    def _save(self, done: list[Job]) -> None:
        for folder in {job.folder for job in done if job.folder}:
            self.records[folder].save()


def _convert_all(
    jobs: list[Job],
    work: Callable[[Job], Result],
    processes: int,
    threads: int | None,
    cluster: str | None,
    stopping: Callable[[], bool],
) -> Generator[tuple[int, Result], None, None]:
    """The numbers of jobs and their results, as they come."""
    processes = min(processes, len(jobs))
    if cluster and jobs:
        yield from enumerate(in_cluster(jobs, work, cluster))
        return
    if processes <= 1:
        if threads:
            use_threads(threads)
        return_large_blocks()
        yield from enumerate(map(work, jobs))
        return
    from lic.tools.pool import DIED, in_processes  # not at the top: multiprocessing takes its time to load

    threads = threads or max(1, usual_threads() // processes)
    yield from in_processes(jobs, work, processes, threads, lambda _: Result(error=DIED), stopping)


def convert_one(job: Job, convert: Convert, preserve: bool = False, force: bool = False) -> Result:
    """Do one job; errors are returned in the result."""
    from PIL import Image

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("always", Image.DecompressionBombWarning)
        try:
            result = _convert(job, convert, preserve, force)
        except Exception as error:  # one picture never stops the rest
            result = Result(error=describe(error))
    return result._replace(warnings=tuple(str(w.message) for w in caught))


def _convert(job: Job, convert: Convert, preserve: bool, force: bool) -> Result:
    data = storage.read(job.source)
    result = convert(data, job)
    target = job.copy if result.kept else job.target
    try:
        if target == storage.STANDARD or storage.identity(target) != storage.identity(job.source):
            _write(target, result.data, force, job.replaces)
            if preserve:
                storage.preserve(job.source, target)
    except OSError as error:
        name = "standard output" if target == storage.STANDARD else target
        raise storage.StorageError(f"cannot write {name}: {describe(error)}") from error
    return Result(len(data), len(result.data), digest(result.data), result.pixels, result.psnr, kept=result.kept)


def _write(target: str, data: bytes, force: bool, replaces: Sequence[str]) -> None:
    """Write an output. Unless `force`, an existing file is overwritten only if an earlier run has written it."""
    if force or storage.size(target) is None:
        storage.write(target, data, replace=force)
        return
    found = storage.read(target)
    if found != data:
        storage.write(target, data, replace=digest(found) in replaces)
