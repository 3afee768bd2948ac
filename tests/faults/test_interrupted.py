"""Killed or interrupted at any moment, `lic` leaves only whole files, and resumes from there."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lic.tools.cli import main

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork")


def interrupted(what: str, count: int, folder: Path) -> Any:
    """The report of `interrupted.py`, which has checked the files after each moment."""
    command = [sys.executable, "-m", "tests.faults.interrupted", what, str(count), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_encode_killed_at_any_moment_leaves_whole_files_and_goes_on(tmp_path: Path) -> None:
    report = interrupted("SIGKILL", 30, tmp_path)
    assert report["codes"] == [-9]
    assert report["left over"] > 0  # some moments did lie within the writing of a file


@pytest.mark.slow
def test_ctrl_c_at_any_moment_is_exit_code_130_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    assert interrupted("SIGINT", 10, tmp_path) == {"codes": [130], "left over": 0}


@pytest.mark.slow
def test_a_training_killed_at_any_moment_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    report = interrupted("training", 8, tmp_path)
    assert report["codes"] == [-9]
    assert len(report["steps"]) > 1  # checkpoints of several steps were found


ORPHAN = """
import multiprocessing, os, sys, time
from lic.tools.pool import end_with_parent

def work(writer):
    os.write(writer, str(os.getpid()).encode())
    end_with_parent()

if __name__ == "__main__":
    process = multiprocessing.get_context("fork").Process(target=work, args=(int(sys.argv[1]),))
    process.start()
    process.join()
"""


def test_the_processes_of_a_killed_parent_end_with_it() -> None:
    reader, writer = os.pipe()
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN, str(writer)], pass_fds=[writer])
    os.close(writer)
    assert int(os.read(reader, 100)) != parent.pid
    parent.kill()
    parent.wait()
    assert os.read(reader, 1) == b""  # the other end is closed: nobody is left


def test_rubbish_of_killed_processes_is_no_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".a.lic.0123456789abcdef.lic-partial").write_bytes(b"LIC")
    assert main(["decode", str(tmp_path)]) == 2
    assert "no pictures in" in capsys.readouterr().err
