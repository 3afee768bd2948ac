"""Work in several processes."""

import importlib
from pathlib import Path

import pytest

from lic.tools.batch.jobs import Job, Result
from lic.tools.pool import DIED, in_processes

DEADLY = """
import os
from lic.tools.batch.jobs import Result

def work(job):
    if job.source == "deadly":
        os._exit(9)
    open(job.target, "a").close()
    return Result(before=1)
"""


def test_a_process_that_dies_costs_its_own_picture_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deadly_work.py").write_text(DEADLY)  # a module, so that other processes can import it
    monkeypatch.syspath_prepend(tmp_path)
    deadly = importlib.import_module("deadly_work")
    jobs = [Job(name, str(tmp_path / f"{name}.out")) for name in ("a", "b", "deadly", "c", "d")]
    found = dict(in_processes(jobs, deadly.work, 2, 1, lambda _: Result(error=DIED)))
    results = [found[number] for number in range(5)]
    assert [bool(r.error) for r in results] == [False, False, True, False, False]
    assert "died" in results[2].error
    assert sorted(p.stem for p in tmp_path.glob("*.out")) == ["a", "b", "c", "d"]
