"""Many pictures: folders, resuming a run, processes, failures."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lic import read_info
from lic.tools.cli import main
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures in a tree, one damaged, and unrelated files."""
    monkeypatch.chdir(tmp_path)
    Path("in/deep/er").mkdir(parents=True)
    Path("in/.hidden").mkdir()
    Image.fromarray(photo[:40, :60]).save("in/a.png")
    Image.fromarray(photo[:50, :30]).save("in/deep/b.jpg")
    Image.fromarray(photo[:30, :30]).save("in/deep/er/a.webp")
    Image.fromarray(photo[:30, :30]).save("in/.hidden/h.png")
    Path("in/deep/broken.png").write_bytes(Path("in/a.png").read_bytes()[:500])
    Path("in/notes.txt").write_text("not a picture")
    return tmp_path


def outputs(root: str = "out") -> list[str]:
    return sorted(str(p.relative_to(root)) for p in Path(root).rglob("*") if p.is_file())


def encode_folder(*more: str) -> int:
    return main(["encode", "in", "-o", "out", "-r", "-m", "tiny", *more])


def test_a_tree_is_mirrored_and_a_failure_stops_nothing(folder: Path, capsys: Captured) -> None:
    assert encode_folder() == 1
    assert outputs() == ["a.lic", "deep/b.lic", "deep/er/a.lic"]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("in/deep/broken.png: ") and len(lines) == 2
    assert lines[1].startswith("4 pictures: 3 converted, 0 skipped, 1 failed; ")
    assert main(["decode", "out", "-o", "back", "-r"]) == 0
    assert outputs("back") == ["a.png", "deep/b.png", "deep/er/a.png"]


def test_without_recursion_only_the_folder_itself(folder: Path, capsys: Captured) -> None:
    assert main(["encode", "in", "-o", "out", "-m", "tiny"]) == 0
    assert outputs() == ["a.lic"]
    Path("in/sub/subsub").mkdir(parents=True)
    assert main(["encode", "in/sub", "-o", "out", "-m", "tiny"]) == 2
    assert "no pictures in in/sub; --recursive looks into subfolders" in capsys.readouterr().err


def test_a_run_goes_on_where_it_stopped(folder: Path, capsys: Captured) -> None:
    Path("in/deep/broken.png").unlink()
    assert encode_folder() == 0
    Path("out/a.lic").write_bytes(Path("out/a.lic").read_bytes()[:-9])  # incomplete
    os.utime("out/deep/b.lic", (1, 1))  # older than its source
    before = {name: Path("out", name).read_bytes() for name in outputs()}
    capsys.readouterr()
    assert encode_folder("-q", "99") == 0
    assert "2 converted, 1 skipped, 0 failed" in capsys.readouterr().err
    changed = [name for name in outputs() if Path("out", name).read_bytes() != before[name]]
    assert changed == ["a.lic", "deep/b.lic"]
    assert encode_folder("-q", "99", "--force") == 0
    assert "3 converted, 0 skipped" in capsys.readouterr().err


def test_processes_give_the_same_files_in_the_same_order(folder: Path, capsys: Captured) -> None:
    encode_folder()
    alone = {name: Path("out", name).read_bytes() for name in outputs()}, capsys.readouterr().err
    encode_folder("--force", "--jobs", "2")
    assert ({name: Path("out", name).read_bytes() for name in outputs()}, capsys.readouterr().err) == alone


def test_warnings_are_one_line_and_no_failure(folder: Path, capsys: Captured, photo: Pixels) -> None:
    frames = [Image.fromarray(photo[:40, :40]), Image.fromarray(photo[40:80, :40])]
    frames[0].save("two.tif", save_all=True, append_images=frames[1:])
    assert main(["encode", "two.tif", "-m", "tiny"]) == 0
    assert capsys.readouterr().err == "two.tif: the picture has 2 frames, only number 1 is encoded\n"
    assert read_info("two.lic").size == (40, 40)


def test_a_foreign_error_names_its_kind(folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise RuntimeError("no\nkernel")

    monkeypatch.setattr("lic.tools.commands.encode.encode_bytes", fail)
    assert main(["encode", "in/a.png", "-m", "tiny"]) == 1
    assert capsys.readouterr().err == "in/a.png: RuntimeError: no kernel\n"


@pytest.mark.parametrize("jobs", ["0", "-1", "two"])
def test_jobs_are_counted_from_one(jobs: str) -> None:
    with pytest.raises(SystemExit):
        main(["encode", "x.png", "--jobs", jobs])


def test_two_sources_of_one_output_are_refused(folder: Path, capsys: Captured) -> None:
    Image.fromarray(np.zeros((9, 9), np.uint8)).save("in/a.jpg")
    assert encode_folder() == 2
    assert "two inputs would both be written to out/a.lic" in capsys.readouterr().err
