"""Converting many pictures, in processes or on a cluster; failures do not stop a run, and a run can be repeated."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from lic.codec.errors import LicError
from lic.codec.process import threads as usual_threads
from lic.codec.process import use_threads
from lic.tools.batch import storage
from lic.tools.batch.cluster import in_cluster
from lic.tools.batch.jobs import Job, Result
from lic.tools.batch.record import Made, Record
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
        self.jobs, self.made, self.force = jobs, made, force
        self.records = {folder: Record(folder) for folder in {job.folder for job in jobs if job.folder}}
        self.known = [self._known(job) for job in jobs]

    def _known(self, job: Job) -> Result:
        """The result of a job that needs no work; otherwise only why it is done again."""
        try:
            if self.force or (size := storage.size(job.target)) is None:
                return Result()
            if not job.folder:
                raise BadOptions(f"{job.target} exists: give `force` to overwrite it")
            why = self.records[job.folder].why_again(job.target, size, storage.stamp(job.source), self.made)
        except (LicError, OSError) as error:
            return Result(error=describe(error))
        return Result(why=why) if why else Result(after=size, skipped=True, why="up to date")

    def run(
        self,
        convert: Convert,
        *,
        preserve: bool = False,
        processes: int = 1,
        threads: int | None = None,
        cluster: str | None = None,
    ) -> Iterator[Result]:
        """The results, in order: from this process, several processes, or the Dask cluster of a scheduler.

        Outputs get the mode and times of their inputs by `preserve`. The processes share the cores if the number of
        `threads` for each is not given.
        """
        todo = [job for job, known in zip(self.jobs, self.known, strict=True) if not known.settled]
        work = partial(convert_one, convert=convert, preserve=preserve)
        results = _convert_all(todo, work, processes, threads, cluster)
        for job in todo:
            if job.folder:
                with suppress(OSError):  # the conversion will report an input that has gone
                    self.records[job.folder].begin(job.target, storage.stamp(job.source), self.made)
        with suppress(OSError):  # the conversions will report a place where nothing can be written
            self._save(todo)
        try:
            for job, known in zip(self.jobs, self.known, strict=True):
                if known.settled:
                    yield known
                    continue
                result = next(results)
                if job.folder and not result.error:
                    self.records[job.folder].finish(job.target, result.after)
                yield result._replace(why=known.why)
        finally:
            self._save(todo)

    def _save(self, done: list[Job]) -> None:
        for folder in {job.folder for job in done if job.folder}:
            self.records[folder].save()


def _convert_all(
    jobs: list[Job], work: Callable[[Job], Result], processes: int, threads: int | None, cluster: str | None
) -> Iterator[Result]:
    processes = min(processes, len(jobs))
    if cluster and jobs:
        return in_cluster(jobs, work, cluster)
    if processes <= 1:
        if threads:
            use_threads(threads)
        return map(work, jobs)
    from lic.tools.pool import DIED, in_processes  # not at the top: multiprocessing takes its time to load

    threads = threads or max(1, usual_threads() // processes)
    return in_processes(jobs, work, processes, threads, lambda _: Result(error=DIED))


def convert_one(job: Job, convert: Convert, preserve: bool = False) -> Result:
    """Do one job; errors are returned in the result."""
    from PIL import Image

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("always", Image.DecompressionBombWarning)
        try:
            result = _convert(job, convert, preserve)
        except Exception as error:  # one picture never stops the rest
            result = Result(error=describe(error))
    return result._replace(warnings=tuple(str(w.message) for w in caught))


def _convert(job: Job, convert: Convert, preserve: bool) -> Result:
    data = storage.read(job.source)
    result = convert(data, job)
    storage.write(job.target, result.data)
    if preserve:
        storage.preserve(job.source, job.target)
    return Result(len(data), len(result.data), result.pixels, result.psnr)
