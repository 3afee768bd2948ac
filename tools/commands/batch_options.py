"""Shared by `lic encode` and `lic decode`: the options for files, and the report."""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator

from lic.codec.progress import shown_by
from lic.tools.batch import storage
from lic.tools.batch.conversion import Convert, Plan
from lic.tools.batch.jobs import Extensions, Inputs, Job, Result, find_jobs
from lic.tools.batch.record import NamedSettings
from lic.tools.batch.storage import STANDARD
from lic.tools.batch.summary import in_words, summary
from lic.tools.interruption import stopped_by_signals
from lic.tools.progress_bar import StatusLine
from lic.tools.usage import MORE, UsageError, in_flags, positive, printable, redacted


def add_batch_arguments(parser: argparse.ArgumentParser, inputs: str) -> None:
    """The arguments that both commands have."""
    more = parser.add_argument_group(MORE)
    parser.add_argument("inputs", nargs="+", metavar="IN", help=f"{inputs}, folders, URLs; - is standard input")
    parser.add_argument("-o", "--output", metavar="OUT", help="file, or folder if it ends in a slash or exists")
    parser.add_argument("-r", "--recursive", action="store_true", help="look into subfolders, too")
    more.add_argument("--parents", action="store_true", help="make all folders of OUT that are missing")
    more.add_argument("--preserve", action="store_true", help="give outputs the mode and times of their inputs")
    more.add_argument("--suffix", metavar="S", help="what output names end in, instead of the input's extension")
    parser.add_argument("-f", "--force", action="store_true", help="overwrite outputs that exist")
    about = "remove outputs of earlier runs over these folders whose inputs are gone"
    more.add_argument("--prune", action="store_true", help=about)
    more.add_argument("-n", "--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("-j", "--jobs", type=positive, default=1, metavar="N", help="processes at a time")
    more.add_argument("--threads", type=positive, metavar="N", help="threads of each process")
    more.add_argument("--cluster", metavar="ADDRESS", help="run on the Dask cluster of this scheduler")
    more.add_argument("--manifest", metavar="FILE", help="write the outcome for each picture as JSON lines")
    more.add_argument("--json", action="store_true", help="the same on standard output")
    loudness = more.add_mutually_exclusive_group()
    loudness.add_argument("-v", "--verbose", action="store_true", help="a line for each picture")
    loudness.add_argument("--quiet", action="store_true", help="only errors")


def jobs_of(args: argparse.Namespace, suffix: str, extensions: Extensions, ignored: Extensions) -> Inputs:
    """The pictures that the arguments name."""
    return find_jobs(
        args.inputs,
        args.output,
        args.suffix or suffix,
        extensions,
        ignored,
        recursive=args.recursive,
        parents=args.parents,
    )


def run_jobs(
    found: Inputs,
    convert: Convert,
    settings: NamedSettings,
    args: argparse.Namespace,
    check: Callable[[], None] = lambda: None,
) -> int:
    """Do all jobs, in order; the exit code is 1 if any failed. `check` looks at the `settings` first.

    On a terminal there is a progress bar for several, or else a line for each; several get a summary at the end.
    """
    jobs = found.jobs
    if args.json and any(job.target == STANDARD for job in jobs):
        raise UsageError("--json and a picture cannot both go to standard output: give --output or --manifest")
    if sys.stdout.isatty() and not args.dry_run and any(job.target == STANDARD for job in jobs):
        raise UsageError("a terminal cannot show the file: redirect it, as in `> FILE`, or name a file by --output")
    folders = [name for name in args.inputs if storage.is_folder(name)] if args.prune else []
    if args.prune and not folders:
        raise UsageError("--prune looks for outputs of folders: name a folder")
    if args.manifest and storage.size(args.manifest) is not None and not args.force:
        raise UsageError(f"{args.manifest} exists: give --force to overwrite it, or another --manifest")
    plan = Plan(jobs, settings, args.force)
    if not all(known.settled for known in plan.known):
        check()
    if args.dry_run:
        for job, known in zip(jobs, plan.known, strict=True):
            why = in_flags(known.error or known.why)
            print(printable(f"{job.source} -> {job.target}" + (f" ({why})" if why else "")))
        print("".join(f"{printable(line)}\n" for line in plan.prune(folders, dry=True)), end="")
        return 1 if any(known.error for known in plan.known) else 0
    if not (args.quiet or all(known.settled for known in plan.known)):
        from lic.codec.entropy.coder import why_slow  # not at the top: --help does without numpy

        if text := why_slow():
            print(f"lic: {text}", file=sys.stderr)
    start = time.monotonic()
    done: list[Result] = []
    many = len(jobs) > 1 or any(job.folder for job in jobs)
    lines = not args.quiet and (args.verbose or getattr(args, "psnr", False) or (sys.stderr.isatty() and not many))
    status = StatusLine(args.quiet)

    def show(what: str, at: int, total: int | None) -> None:
        within = f"{what}: {at} of {total}" if total else what
        if many:
            status.count("pictures", len(done), len(jobs), within)
        else:
            status.show(within)

    def announce() -> None:
        status.say("finishing the pictures that are begun; Ctrl-C again to end at once")

    def results(stopping: Callable[[], bool]) -> Iterator[Result]:
        options = {"preserve": args.preserve, "processes": args.jobs, "threads": args.threads, "cluster": args.cluster}
        return plan.run(convert, stopping=stopping, **options)

    gently = args.jobs > 1 and not args.cluster
    with stopped_by_signals(gently, announce) as stopping:
        with status, shown_by(show):
            for result, job in zip(results(stopping), jobs, strict=False):  # fewer results if it is stopped
                said = tuple(in_flags(warning) for warning in result.warnings)
                result = result._replace(error=in_flags(result.error), warnings=said)
                done.append(result)
                if many:
                    status.count("pictures", len(done), len(jobs))
                name = "standard input" if job.source == STANDARD else job.source
                name += "" if job.frame is None else f", frame {job.frame + 1}"
                for line in (*(() if args.quiet else result.warnings), *([result.error] if result.error else [])):
                    status.say(printable(f"{name}: {line}"))
                if lines and not result.error and job.target != STANDARD:
                    place = job.copy if result.kept else job.target
                    status.say(printable(f"{name} -> {place}: {in_words(result)}"))
                if args.json:
                    print(_as_json(job, result), flush=True)
        if len(done) == len(jobs):
            for line in plan.prune(folders):
                if not args.quiet:
                    print(printable(line), file=sys.stderr)
        if many and not args.quiet:
            print(printable(summary(done, found.unknown, time.monotonic() - start)), file=sys.stderr)
        if args.manifest:
            lines_of = "".join(f"{_as_json(job, result)}\n" for job, result in zip(jobs, done, strict=False))
            storage.write(args.manifest, lines_of.encode(), replace=args.force)
    return 1 if any(result.error for result in done) else 0


def _as_json(job: Job, result: Result) -> str:
    told = result._replace(error=redacted(result.error), warnings=tuple(map(redacted, result.warnings)))
    target = job.copy if result.kept else job.target
    facts = {"source": redacted(job.source), "target": redacted(target)} | told._asdict()
    return json.dumps(facts | {"psnr": "exact" if result.psnr == math.inf else result.psnr})
