"""Interrupt `lic` at random moments and check the files that it leaves; run by test_interrupted.py.

A moment is a line of this package's code: a process counts the lines that it runs, and at a chosen one sends itself a
signal. So the moments repeat, and half of them can lie where files are written, which is a tiny part of the time.
Each process is forked from this one, which has imported torch and read the model: fifty fresh ones would take minutes
for that alone.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from PIL import Image

import lic.codec
import lic.models
import lic.tools.batch.picture_files
from lic.codec.file.container import parse
from lic.codec.model.catalogue import find_model
from lic.codec.transform.torch_network import thaw
from lic.tools import cli, files
from lic.tools.batch import record
from lic.tools.training import loop
from lic.tools.training.checkpoint import BEST, CHECKPOINT, read_checkpoint
from lic.tools.training.choices import TrainConfig
from tests.tools.tiny import Tiny

PACKAGE = tuple(os.path.dirname(module.__file__) + os.sep for module in (lic.models, lic.codec, lic.tools))
WRITING = (files.__file__,)
MODEL = Path(__file__).parents[2] / "conformance" / "golden-contexts.safetensors"
Work = Callable[[], int]


def forked(work: Work) -> int:
    """A process's exit code, or minus the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def at_line(moment: int, where: tuple[str, ...], act: Callable[[], None], work: Work) -> int:
    """Do `work`, but `act` before the line of that number, counted in the files whose names begin with `where`."""
    left = moment

    def tracer(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(where):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                act()
        return tracer

    sys.settrace(tracer)
    try:
        return work()
    finally:
        sys.settrace(None)


def count_lines(where: tuple[str, ...], work: Work) -> int:
    """How many lines `work` runs in those files."""
    reader, writer = os.pipe()

    def counted() -> int:
        lines = 0

        def count(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal lines
            if not frame.f_code.co_filename.startswith(where):
                return None
            lines += event == "line"
            return count

        sys.settrace(count)
        code = work()
        sys.settrace(None)
        os.write(writer, str(lines).encode())
        return code

    assert forked(counted) == 0
    return int(os.read(reader, 100))


def moments(work: Work, output: Path, count: int) -> Iterator[tuple[tuple[str, ...], int]]:
    """Random lines: half of them anywhere in the package, half of them where files are written.

    Each time the output is removed first.
    """
    rng = np.random.default_rng(0)
    for where in (PACKAGE, WRITING):
        shutil.rmtree(output, ignore_errors=True)
        for line in rng.integers(1, count_lines(where, work) + 1, count // 2).tolist():
            shutil.rmtree(output, ignore_errors=True)
            yield where, line


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*") if path.is_file() and path.name != record.NAME}


def interrupt_encode(number: signal.Signals, count: int, folder: Path) -> dict[str, Any]:
    """Encode a folder, interrupted at each of `count` moments, and again to the end."""
    (folder / "in").mkdir()
    for i in range(4):
        pixels = np.random.default_rng(i).integers(0, 256, (20 + 9 * i, 30, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "in" / f"{i}.png")
    out = folder / "out"

    def encode() -> int:
        return cli.main(["encode", str(folder / "in"), "-o", f"{out}/", "-m", str(MODEL)])

    assert forked(encode) == 0
    whole = contents(out)
    codes, left_over = set(), 0
    for where, line in moments(encode, out, count):
        codes.add(forked(lambda: at_line(line, where, lambda: signal.raise_signal(number), encode)))  # noqa: B023
        found = contents(out)
        partial = {name for name in found if name.startswith(".") and name.endswith(files.PARTIAL_SUFFIX)}
        left_over += len(partial)
        for name in found.keys() - partial:
            parse(found[name])
            assert found[name] == whole[name], name
        assert forked(encode) == 0
        assert {name: data for name, data in contents(out).items() if name not in partial} == whole
    return {"codes": sorted(codes), "left over": left_over}


def interrupt_training(count: int, folder: Path) -> dict[str, Any]:
    """Train, killed at each of `count` moments, and resumed to the end."""
    (folder / "photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "photos" / "a.png")
    loop.START_CROPS = 4
    run, photos = folder / "run", (str(folder / "photos"),)
    config = TrainConfig(
        data=photos,
        valid=photos,
        output=str(run),
        steps=2,
        crop=32,
        batch=2,
        device="cpu",
        precision="fp32",
        validate_minutes=0.0,
    )

    def begin_or_go_on() -> int:
        loop.train(Tiny(), config, resume=(run / CHECKPOINT).exists())
        return 0

    assert forked(begin_or_go_on) == 0
    whole, _ = read_checkpoint(run / CHECKPOINT)
    codes, steps = set(), set()
    for where, line in moments(begin_or_go_on, run, count):
        codes.add(forked(lambda: at_line(line, where, lambda: os.kill(os.getpid(), signal.SIGKILL), begin_or_go_on)))  # noqa: B023
        for name in (CHECKPOINT, BEST):
            if (run / name).exists():
                tensors, info = read_checkpoint(run / name)
                assert tensors.keys() == whole.keys() or info["step"] == 0  # the optimiser has no state yet
                steps.add(info["step"])
        assert forked(begin_or_go_on) == 0
        tensors, _ = read_checkpoint(run / CHECKPOINT)
        assert all(torch.equal(value, tensors[name]) for name, value in whole.items())
    return {"codes": sorted(codes), "steps": sorted(steps)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored in what it runs behind
    lic.tools.batch.picture_files.encode_bytes  # noqa: B018 - imported before the first fork
    assert thaw(find_model(MODEL).load())
    what, count, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    if what == "training":
        print(json.dumps(interrupt_training(count, folder)))
    else:
        print(json.dumps(interrupt_encode(signal.Signals[what], count, folder)))
