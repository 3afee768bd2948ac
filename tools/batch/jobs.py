"""What `lic encode` and `lic decode` share: finding inputs, naming outputs, going on after a failure, processes."""

import argparse
import io
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from lic.tools.batch import storage
from lic.tools.batch.inputs import STANDARD, describe, read_input
from lic.tools.cli import UsageError

Convert = Callable[[bytes, str], bytes]  # an input's bytes and the output's name to the output's bytes


class Job(NamedTuple):
    """One picture to convert."""

    source: str
    target: str
    resume: bool = False  # an output that is complete and newer than its input is left alone


class Result(NamedTuple):
    """What became of a job."""

    before: int = 0  # bytes
    after: int = 0
    skipped: bool = False
    error: str = ""
    warnings: tuple[str, ...] = ()


def add_batch_arguments(parser: argparse.ArgumentParser, inputs: str) -> None:
    """The arguments that both commands have."""
    parser.add_argument(
        "inputs", nargs="+", metavar="IN", help=f"{inputs}, or folders of them, or URLs; - is standard input"
    )
    parser.add_argument("-o", "--output", metavar="OUT", help="file, or folder for several; - is standard output")
    parser.add_argument("-r", "--recursive", action="store_true", help="look into subfolders, too")
    parser.add_argument("-j", "--jobs", type=positive, default=1, metavar="N", help="processes at a time")
    parser.add_argument("--cluster", metavar="ADDRESS", help="do it on the Dask cluster of this scheduler")
    parser.add_argument("--manifest", metavar="FILE", help="write what became of each picture as JSON lines")
    parser.add_argument("-f", "--force", action="store_true", help="overwrite outputs that exist")


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"give a number from 1 on, not {text!r}")
    return int(text)


def find_jobs(args: argparse.Namespace, suffix: str, extensions: frozenset[str]) -> list[Job]:
    """The pictures that the arguments name; of folders, the files with these extensions, hidden ones left out."""
    folders = [name for name in args.inputs if name != STANDARD and storage.is_folder(name)]
    files = [name for name in args.inputs if name not in folders]
    output = args.output
    if folders and output not in (None, STANDARD):
        if not storage.is_folder(output) and storage.modified(output) is not None:
            raise UsageError(f"{output} is a file: give a folder for several pictures")
        output = output.rstrip("/") + "/"
    jobs = [Job(*pair) for pair in zip(files, output_paths(files, output, suffix), strict=True)] if files else []
    for folder in folders:
        found = [name for name in storage.files_in(folder, args.recursive) if Path(name).suffix.lower() in extensions]
        if not found:
            more = "" if args.recursive else "; -r looks into subfolders, too"
            raise UsageError(f"no pictures in {folder}{more}")
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
    """Where each input's result goes: beside it, to the file `output`, or into the folder `output`.

    >>> output_paths(["a/x.png"], None, ".lic")
    ['a/x.lic']
    >>> output_paths(["a/x.png", "b/y.png"], "out", ".lic")
    ['out/x.lic', 'out/y.lic']
    """
    if output == STANDARD or (output is None and inputs == [STANDARD]):
        if len(inputs) > 1:
            raise UsageError("several inputs cannot go to standard output: give a folder with -o")
        return [STANDARD]
    if output is None:
        if STANDARD in inputs:
            raise UsageError("say with -o where the picture from standard input goes")
        return _distinct([_with_suffix(name, suffix) for name in inputs])
    if len(inputs) == 1 and not storage.is_folder(output) and not output.endswith(("/", "\\")):
        return [output]
    if STANDARD in inputs:
        raise UsageError("a picture from standard input has no name: give a file with -o, not a folder")
    return _distinct([_joined(output, Path(name).stem + suffix) for name in inputs])


def _distinct(paths: list[str]) -> list[str]:
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            raise UsageError(f"two inputs would both be written to {path}: rename one, or run them apart")
        seen.add(path)
    return paths


def convert_one(job: Job, convert: Convert, force: bool) -> Result:
    """Do one job; whatever goes wrong is said in the result."""
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
    if job.target != STANDARD and not force and (written := storage.modified(job.target)) is not None:
        if not job.resume:
            raise FileExistsError(f"{job.target} exists: give --force to overwrite it")
        if written >= (storage.modified(job.source) or 0):
            done = storage.read(job.target)
            if _is_complete(done):
                return Result(after=len(done), skipped=True)
    data = read_input(job.source)
    result = convert(data, job.target)
    if job.target == STANDARD:
        sys.stdout.buffer.write(result)
        sys.stdout.buffer.flush()
    else:
        storage.write(job.target, result)
    return Result(len(data), len(result))


def _is_complete(data: bytes) -> bool:
    """Whether a file is a picture, as far as its format can tell without decoding it."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            image.verify()
    except (OSError, SyntaxError):
        return False
    return True


def convert_all(jobs: Sequence[Job], convert: Convert, args: argparse.Namespace) -> int:
    """Do all jobs, in order; the exit code is 1 if any failed.

    On a terminal there is a progress bar for several, or else a line for each; folders get a summary at the end.
    """
    results = _results(jobs, partial(convert_one, convert=convert, force=args.force), args)
    folders = any(job.resume for job in jobs)
    start = time.monotonic()
    done: list[Result] = []
    with tqdm(total=len(jobs), unit="picture", disable=None if len(jobs) > 1 else True) as bar:
        for job, result in zip(jobs, results, strict=True):
            done.append(result)
            bar.update()
            bar.set_postfix_str(f"{sum(r.before for r in done) / (time.monotonic() - start) / 1e6:.2f} MB/s", False)
            name = "standard input" if job.source == STANDARD else job.source
            for line in (*result.warnings, *([result.error] if result.error else [])):
                tqdm.write(f"{name}: {line}", file=sys.stderr)
            if sys.stderr.isatty() and not folders and not result.error and job.target != STANDARD:
                line = f"{name} -> {job.target}: {result.before:,} -> {result.after:,} bytes"
                tqdm.write(line, file=sys.stderr)
    if folders:
        print(summary(done), file=sys.stderr)
    if args.manifest:
        lines = [json.dumps(job._asdict() | result._asdict()) for job, result in zip(jobs, done, strict=True)]
        storage.write(args.manifest, "".join(f"{line}\n" for line in lines).encode())
    return 1 if any(result.error for result in done) else 0


def _results(jobs: Sequence[Job], work: Callable[[Job], Result], args: argparse.Namespace) -> Iterable[Result]:
    """The jobs' results in order: done here, in several processes, or on a cluster."""
    if args.cluster:
        from lic.tools.batch.cluster import in_cluster

        return in_cluster(jobs, work, args.cluster)
    processes = min(args.jobs, len(jobs))
    return map(work, jobs) if processes == 1 else in_processes(jobs, work, processes)


def summary(results: Iterable[Result]) -> str:
    """What a long run ends with.

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


def in_processes(jobs: Sequence[Job], work: Callable[[Job], Result], count: int) -> Iterator[Result]:
    """Do jobs in several processes; results come in order.

    If a process dies, the first job without a result is tried alone, so that only the one to blame is lost.
    """
    while jobs:
        for result in _until_broken(jobs, work, count):
            yield result
            jobs = jobs[1:]
        if jobs:
            jobs = [job._replace(resume=True) for job in jobs]  # some may be done, only their results are lost
            alone = list(_until_broken(jobs[:1], work, 1))
            yield alone[0] if alone else Result(error="its process died, perhaps for lack of memory")
            jobs = jobs[1:]


def _until_broken(jobs: Sequence[Job], work: Callable[[Job], Result], count: int) -> Iterator[Result]:
    threads = max(1, (os.cpu_count() or 1) // count)
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(count, context, _start_process, (threads,)) as pool:
        futures = [pool.submit(work, job) for job in jobs]
        try:
            for future in futures:
                yield future.result()
        except BrokenProcessPool:
            return
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _start_process(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first process to handle
    threading.Thread(target=end_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(threads)


def end_with_parent() -> None:
    """Wait for the end of the first process, then end this one: nobody else would, if the first one was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
