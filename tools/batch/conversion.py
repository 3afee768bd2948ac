"""Converting many pictures, in processes or on a cluster; failures do not stop a run, and a run can be resumed."""

import io
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from lic.codec.process import threads as usual_threads
from lic.codec.process import use_threads
from lic.tools.batch import storage
from lic.tools.batch.cluster import in_cluster
from lic.tools.batch.jobs import Job, Result
from lic.tools.pool import DIED, in_processes
from lic.tools.usage import BadOptions, describe

Convert = Callable[[bytes, str], bytes]  # (bytes of the input, name of the output) -> bytes of the output


def convert_all(
    jobs: Sequence[Job],
    convert: Convert,
    *,
    processes: int = 1,
    threads: int | None = None,
    cluster: str | None = None,
    force: bool = False,
) -> Iterable[Result]:
    """The results of the jobs, in order: from this process, several processes, or the Dask cluster of a scheduler.

    The processes share the cores if the number of `threads` for each is not given.
    """
    work = partial(convert_one, convert=convert, force=force)
    processes = min(processes, len(jobs))
    if cluster:
        return in_cluster(jobs, work, cluster)
    if processes <= 1:
        if threads:
            use_threads(threads)
        return map(work, jobs)
    threads = threads or max(1, usual_threads() // processes)
    return in_processes(jobs, work, processes, threads, lambda _: Result(error=DIED), Job.again)


def convert_one(job: Job, convert: Convert, force: bool) -> Result:
    """Do one job; errors are returned in the result."""
    from PIL import Image

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("always", Image.DecompressionBombWarning)
        try:
            result = _convert(job, convert, force)
        except Exception as error:  # one picture never stops the rest
            result = Result(error=describe(error))
    return result._replace(warnings=tuple(str(w.message) for w in caught))


def _convert(job: Job, convert: Convert, force: bool) -> Result:
    if not force and (written := storage.modified(job.target)) is not None:
        if not job.resume:
            raise BadOptions(f"{job.target} exists: give `force` to overwrite it")
        if written >= (storage.modified(job.source) or 0):
            done = storage.read(job.target)
            if _is_complete(done):
                return Result(after=len(done), skipped=True)
    data = storage.read(job.source)
    result = convert(data, job.target)
    storage.write(job.target, result)
    return Result(len(data), len(result))


def _is_complete(data: bytes) -> bool:
    """Whether a file is a complete picture, as far as its format can tell without decoding it."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            image.verify()
    except (OSError, SyntaxError):
        return False
    return True


def summary(results: Iterable[Result]) -> str:
    """The last line of a run's output.

    >>> summary([Result(5_000_000, 400_000), Result(after=400_000, skipped=True), Result(error="damaged")])
    '3 pictures: 1 converted, 1 skipped, 1 failed; 5,000,000 -> 400,000 bytes (8.0 %)'
    """
    results = list(results)
    failed, skipped = sum(bool(r.error) for r in results), sum(r.skipped for r in results)
    new = [r for r in results if not r.skipped]
    before, after = sum(r.before for r in new), sum(r.after for r in new)
    share = f" ({100 * after / before:.1f} %)" if before else ""
    counts = f"{len(results) - failed - skipped} converted, {skipped} skipped, {failed} failed"
    return f"{len(results)} pictures: {counts}; {before:,} -> {after:,} bytes{share}"
