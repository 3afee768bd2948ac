"""Shared by `lic encode` and `lic decode`: the options for files, and the report."""

import argparse
import json
import sys
import time
from collections.abc import Sequence

from tqdm import tqdm

from lic.tools.batch import storage
from lic.tools.batch.conversion import Convert, convert_all, summary
from lic.tools.batch.jobs import Job, Result, find_jobs
from lic.tools.batch.storage import STANDARD
from lic.tools.usage import in_flags


def add_batch_arguments(parser: argparse.ArgumentParser, inputs: str) -> None:
    """The arguments that both commands have."""
    parser.add_argument("inputs", nargs="+", metavar="IN", help=f"{inputs}, folders, URLs; - is standard input")
    parser.add_argument("-o", "--output", metavar="OUT", help="file, or folder for several; - is standard output")
    parser.add_argument("-r", "--recursive", action="store_true", help="look into subfolders, too")
    parser.add_argument("-j", "--jobs", type=positive, default=1, metavar="N", help="processes at a time")
    parser.add_argument("--threads", type=positive, metavar="N", help="threads of each process")
    parser.add_argument("--cluster", metavar="ADDRESS", help="run on the Dask cluster of this scheduler")
    parser.add_argument("--manifest", metavar="FILE", help="write the outcome for each picture as JSON lines")
    parser.add_argument("-f", "--force", action="store_true", help="overwrite outputs that exist")


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"give a number from 1 on, not {text!r}")
    return int(text)


def jobs_of(args: argparse.Namespace, suffix: str, extensions: frozenset[str]) -> list[Job]:
    """The pictures that the arguments name."""
    return find_jobs(args.inputs, args.output, suffix, extensions, args.recursive)


def run_jobs(jobs: Sequence[Job], convert: Convert, args: argparse.Namespace) -> int:
    """Do all jobs, in order; the exit code is 1 if any failed.

    On a terminal there is a progress bar for several, or else a line for each; folders get a summary at the end.
    """
    results = convert_all(
        jobs, convert, processes=args.jobs, threads=args.threads, cluster=args.cluster, force=args.force
    )
    folders = any(job.resume for job in jobs)
    start = time.monotonic()
    done: list[Result] = []
    with tqdm(total=len(jobs), unit="picture", disable=None if len(jobs) > 1 else True) as bar:
        for job, result in zip(jobs, results, strict=True):
            result = result._replace(error=in_flags(result.error))
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
