"""Converting many pictures, in processes or on a cluster; failures do not stop a run, and a run can be repeated."""

import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from lic.codec.errors import LicError
from lic.codec.process import threads as usual_threads
from lic.codec.process import use_threads
from lic.tools.batch import storage
from lic.tools.batch.cluster import in_cluster
from lic.tools.batch.jobs import Job, Result
from lic.tools.batch.record import Made, Record, digest
from lic.tools.memory import return_large_blocks
from lic.tools.usage import BadOptions, describe


class Converted(NamedTuple):
    """A converted picture."""

    data: bytes
    pixels: int
    psnr: float | None = None  # in dB, if it was to be measured


Convert = Callable[[bytes, Job], Converted]  # from the bytes of the input


class Plan:
    """What is left to do of some jobs: outputs that are up to date are skipped, other files are not overwritten."""

    def __init__(self, jobs: Sequence[Job], made: Made, force: bool = False) -> None:
        self.made, self.force = made, force
        self.records = {folder: Record(folder) for folder in {job.folder for job in jobs if job.folder}}
        self.jobs = [job._replace(replaces=self._hash(job)) for job in jobs]
        self.known = [self._known(job) for job in self.jobs]

    def _hash(self, job: Job) -> str:
        """The hash of the output of an earlier run."""
        return self.records[job.folder].hash_of(job.target) if job.folder else ""

    def _known(self, job: Job) -> Result:
        """The result of a job that needs no work; otherwise only why it is done again."""
        try:
            if self.force or (size := storage.size(job.target)) is None:
                return Result()
            if not job.folder:
                raise BadOptions(f"{job.target} exists: give `force` to overwrite it")
            record = self.records[job.folder]
            entry = record.find(job.target)
            why = entry.why_again(storage.stamp(job.source), record.by_this_lic(self.made))
            changed = entry.done and not entry.matches(job.target)
        except (LicError, OSError) as error:
            return Result(error=describe(error))
        if changed and why:
            text = f"{job.target} was changed after it was made, and now {why}: give `force` to overwrite it"
            return Result(error=text)
        said = (f"{job.target} was changed after it was made: it is kept, `force` overwrites it",) if changed else ()
        return Result(why=why) if why else Result(after=size, skipped=True, why="up to date", warnings=said)

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
                    record.begin(job.target, storage.stamp(job.source), record.by_this_lic(self.made))
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
                            self.records[job.folder].finish(job.target, result.sha256)
                    done[number] = result
                yield done.pop(wanted)._replace(why=known.why)
        finally:
            results.close()
            self._save(todo)

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
    try:
        _write(job, result.data, force)
        if preserve:
            storage.preserve(job.source, job.target)
    except OSError as error:
        name = "standard output" if job.target == storage.STANDARD else job.target
        raise storage.StorageError(f"cannot write {name}: {describe(error)}") from error
    return Result(len(data), len(result.data), digest(result.data), result.pixels, result.psnr)


def _write(job: Job, data: bytes, force: bool) -> None:
    """Write the output. Unless `force`, an existing file is overwritten only if an earlier run has written it."""
    if force or storage.size(job.target) is None:
        storage.write(job.target, data, replace=force)
        return
    found = storage.read(job.target)
    if found != data:
        storage.write(job.target, data, replace=digest(found) == job.replaces)
