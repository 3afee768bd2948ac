"""Ctrl-C and SIGTERM during a run in several processes, through the command line."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import Pixels

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to send to one process")
PICTURES = 60


@pytest.fixture
def folder(tmp_path: Path, photo: Pixels) -> Path:
    (tmp_path / "in").mkdir()
    Image.fromarray(photo).save(tmp_path / "in/00.png")
    for number in range(1, PICTURES):
        os.link(tmp_path / "in/00.png", tmp_path / f"in/{number:02}.png")
    return tmp_path


@contextmanager
def encoding(folder: Path, model: Path, *more: str) -> Iterator[Any]:
    """`lic encode` of the folder, in two processes."""
    command = [sys.executable, "-m", "lic", "encode", "in", "-o", "out/", "-m", str(model), "--jobs", "2", *more]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_ends_a_run_after_the_pictures_that_are_begun(
    folder: Path, tiny_model_path: Path, number: signal.Signals, code: int
) -> None:
    with encoding(folder, tiny_model_path, "--json") as process:
        assert json.loads(process.stdout.readline())["error"] == ""
        process.send_signal(number)
        _, said = process.communicate()
    assert process.returncode == code
    lines = said.splitlines()
    assert lines[0] == "finishing the pictures that are begun; Ctrl-C again to end at once"
    assert len(lines) == 2 and " converted" in lines[1]  # and no word of leaked semaphores
    record = json.loads((folder / "out/.lic-made.json").read_text())
    written = {path.name for path in (folder / "out").glob("*.lic")}
    assert 0 < len(written) < PICTURES
    assert {name for name, entry in record.items() if entry[2]} == written
    assert {path.name for path in (folder / "out").iterdir()} == written | {".lic-made.json"}


def test_a_second_signal_ends_a_run_at_once(folder: Path, tiny_model_path: Path) -> None:
    with encoding(folder, tiny_model_path, "--effort", "1000000") as process:  # no picture would ever be finished
        while not (folder / "out/.lic-made.json").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline().startswith("finishing the pictures that are begun")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130 and said == ""
