"""What `lic encode` and `lic decode` share: naming outputs, keeping what exists, going on after a failure."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from lic.codec.errors import LicError
from lic.tools.cli import UsageError
from lic.tools.files import write_whole

STANDARD = "-"  # standard input or output


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
        return _distinct([str(Path(name).with_suffix(suffix)) for name in inputs])
    folder = Path(output)
    if len(inputs) == 1 and not folder.is_dir() and not output.endswith(("/", "\\")):
        return [output]
    if STANDARD in inputs:
        raise UsageError("a picture from standard input has no name: give a file with -o, not a folder")
    return _distinct([str(folder / (Path(name).stem + suffix)) for name in inputs])


def _distinct(paths: list[str]) -> list[str]:
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            raise UsageError(f"two inputs would both be written to {path}: rename one, or run them apart")
        seen.add(path)
    return paths


def read_input(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == STANDARD else Path(name).read_bytes()


def convert_all(
    inputs: Sequence[str],
    outputs: Sequence[str],
    convert: Callable[[bytes, str], bytes],
    *,
    force: bool,
    report: Callable[[str, str, bytes, bytes], str],
) -> int:
    """Convert each input's bytes into its output's bytes; the exit code is 1 if any failed.

    `report` makes the line that is printed for each result on a terminal.
    """
    failures = 0
    terminal = sys.stderr.isatty()
    pairs = list(zip(inputs, outputs, strict=True))
    for source, target in tqdm(pairs, unit="picture", disable=None if len(pairs) > 1 else True):
        try:
            if target != STANDARD and Path(target).exists() and not force:
                raise FileExistsError(f"{target} exists: give --force to overwrite it")
            data = read_input(source)
            result = convert(data, target)
            if target == STANDARD:
                sys.stdout.buffer.write(result)
                sys.stdout.buffer.flush()
            else:
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                write_whole(target, result)
                if terminal:
                    tqdm.write(report(source, target, data, result), file=sys.stderr)
        except (LicError, OSError, ValueError) as error:
            failures += 1
            tqdm.write(f"{'standard input' if source == STANDARD else source}: {describe(error)}", file=sys.stderr)
    return 1 if failures else 0


def describe(error: Exception) -> str:
    """An error in one line, without Python's decoration."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())
