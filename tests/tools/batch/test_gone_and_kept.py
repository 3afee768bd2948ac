"""Outputs whose inputs are gone go on request; inputs that .lic files would not make smaller are copied."""

import io
import json
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from lic import decode
from lic.tools.cli import main
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photograph, a WebP file of one colour, to which .lic would only add a header, and a picture in a subfolder."""
    monkeypatch.chdir(tmp_path)
    Path("in/deep").mkdir(parents=True)
    Image.fromarray(photo[:40, :60]).save("in/a.png")
    Image.new("RGB", (60, 40), "red").save("in/flat.webp", lossless=True)
    Image.fromarray(photo[:30, :30]).save("in/deep/b.png")
    return tmp_path


def encode_folder(*more: str) -> int:
    return main(["encode", "in", "-o", "out/", "-r", "-m", "tiny", *more])


def outputs() -> list[str]:
    return sorted(p.relative_to("out").as_posix() for p in Path("out").rglob("*.*") if not p.name.startswith("."))


def test_outputs_of_pictures_that_are_gone_are_removed_on_request_only(capsys: Captured) -> None:
    assert encode_folder() == 0
    Path("out/mine.lic").write_bytes(Path("out/a.lic").read_bytes())
    Path("in/deep/b.png").unlink()
    assert encode_folder() == encode_folder("--prune", "--dry-run") == 0
    assert outputs() == ["a.lic", "deep/b.lic", "flat.lic", "mine.lic"]
    assert "out/deep/b.lic (its input is gone: it would be removed)" in capsys.readouterr().out.splitlines()
    assert encode_folder("--prune") == 0
    assert outputs() == ["a.lic", "flat.lic", "mine.lic"]
    assert "out/deep/b.lic: removed, its input is gone" in capsys.readouterr().err.splitlines()
    assert "deep/b.lic" not in json.loads(Path("out/.lic-made.json").read_text())


def test_outputs_that_somebody_has_changed_are_not_removed(capsys: Captured) -> None:
    assert encode_folder() == 0
    Path("out/a.lic").write_bytes(b"mine")
    Path("in/a.png").unlink()
    assert encode_folder("--prune") == 0
    assert Path("out/a.lic").read_bytes() == b"mine"
    assert "out/a.lic: its input is gone, but it was changed after it was made: it is kept" in capsys.readouterr().err


def test_outputs_of_other_folders_are_not_removed(photo: Pixels) -> None:
    Path("other").mkdir()
    Image.fromarray(photo[:30, :40]).save("other/c.png")
    assert main(["encode", "other", "-o", "out/", "-m", "tiny"]) == encode_folder() == 0
    Path("other/c.png").unlink()
    assert encode_folder("--prune") == 0
    assert "c.lic" in outputs()


def test_decoding_prunes_too() -> None:
    assert encode_folder() == main(["decode", "out", "-o", "back/", "-r"]) == 0
    Path("out/flat.lic").unlink()
    assert main(["decode", "out", "-o", "back/", "-r", "--prune"]) == 0
    assert sorted(p.name for p in Path("back").rglob("*.png")) == ["a.png", "b.png"]


def test_inputs_that_would_not_become_smaller_are_copied(capsys: Captured) -> None:
    assert encode_folder("--only-if-smaller", "--manifest", "made.jsonl") == 0
    assert outputs() == ["a.lic", "deep/b.lic", "flat.webp"]
    assert Path("out/flat.webp").read_bytes() == Path("in/flat.webp").read_bytes()
    assert "3 pictures: 2 converted, 1 kept as they are (not smaller); " in capsys.readouterr().err
    told = [json.loads(line) for line in Path("made.jsonl").read_text().splitlines()]
    assert [line["target"] for line in told if line["kept"]] == ["out/flat.webp"]
    assert encode_folder("--only-if-smaller") == 0
    assert "3 pictures: 0 converted, 3 skipped (up to date)" in capsys.readouterr().err


def test_a_lic_file_takes_the_place_of_a_copy_and_the_other_way_round(photo: Pixels) -> None:
    assert encode_folder("--only-if-smaller") == 0
    Image.fromarray(photo[:40, :60]).save("in/flat.webp", quality=100)
    assert encode_folder("--only-if-smaller") == 0
    assert outputs() == ["a.lic", "deep/b.lic", "flat.lic"]
    Image.new("RGB", (60, 40), "red").save("in/flat.webp", lossless=True)
    assert encode_folder("--only-if-smaller") == 0
    assert outputs() == ["a.lic", "deep/b.lic", "flat.webp"]
    Path("in/flat.webp").unlink()
    assert encode_folder("--only-if-smaller", "--prune") == 0
    assert outputs() == ["a.lic", "deep/b.lic"]


def test_beside_the_input_nothing_is_copied(capsys: Captured) -> None:
    before = Path("in/flat.webp").read_bytes(), os.stat("in/flat.webp").st_mtime_ns
    assert main(["encode", "in", "-m", "tiny", "--only-if-smaller"]) == 0
    assert sorted(p.name for p in Path("in").glob("*.*") if not p.name.startswith(".")) == [
        "a.lic",
        "a.png",
        "flat.webp",
    ]
    assert main(["encode", "in", "-m", "tiny", "--only-if-smaller"]) == 0
    assert "2 pictures: 0 converted, 2 skipped (up to date)" in capsys.readouterr().err
    assert main(["encode", "in/flat.webp", "-m", "tiny", "--only-if-smaller", "-v"]) == 0
    assert "kept as they are: a .lic file would not be smaller" in capsys.readouterr().err
    assert (Path("in/flat.webp").read_bytes(), os.stat("in/flat.webp").st_mtime_ns) == before


def test_a_copy_does_not_replace_what_is_there(capsys: Captured) -> None:
    Path("out").mkdir()
    Path("out/flat.webp").write_bytes(b"mine")
    assert main(["encode", "in/flat.webp", "-o", "out/", "-m", "tiny", "--only-if-smaller"]) == 1
    assert "out/flat.webp exists: give --force" in capsys.readouterr().err
    assert Path("out/flat.webp").read_bytes() == b"mine"


def test_in_a_pipe_the_smaller_file_comes_out(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    for name in ("in/flat.webp", "in/a.png"):
        data = Path(name).read_bytes()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert main(["encode", "-", "-m", "tiny", "--only-if-smaller"]) == 0
        result = capsysbinary.readouterr().out
        assert result == data if name.endswith("webp") else decode(result).size == (60, 40)
