"""Picture files of all kinds, in and out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lic.tools.cli import main
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a .lic file that has transparency and a colour profile."""
    monkeypatch.chdir(tmp_path)
    alpha = np.full((40, 60, 1), 9, np.uint8)
    Image.fromarray(np.concatenate([photo[:40, :60], alpha], 2)).save("clear.png", icc_profile=b"profile")
    assert main(["encode", "clear.png", "-m", "tiny"]) == 0
    return tmp_path


@pytest.mark.parametrize(("module", "suffix"), [("pillow_heif", ".heic"), ("pillow_jxl", ".jxl"), ("PIL", ".avif")])
def test_files_of_installed_plugins_are_found_and_read(module: str, suffix: str, folder: Path, photo: Pixels) -> None:
    pytest.importorskip(module)
    assert main(["decode", "clear.lic", "-o", f"clear{suffix}"]) == 0
    Path("in").mkdir()
    Path(f"clear{suffix}").rename(f"in/clear{suffix}")
    assert main(["encode", "in", "-o", "out/", "-m", "tiny"]) == 0
    assert Image.open("out/clear.lic").size == (60, 40)


def test_pictures_that_cannot_be_read_are_reported_and_other_files_counted(folder: Path, capsys: Captured) -> None:
    pytest.importorskip("pillow_jxl")
    Path("in").mkdir()
    for name in ("a.cr2", "b.jxl", "notes.txt", "clear.lic", "Thumbs.db"):
        Path("in", name).write_bytes(b"something")
    Path("clear.png").rename("in/clear.png")
    assert main(["encode", "in", "-o", "out/", "-m", "tiny"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "in/a.cr2: cannot be read here: this is a raw file: develop it to TIFF or JPEG first"
    assert lines[1] == "in/b.jxl: not a picture that Pillow can read"
    assert "1 converted, 2 failed, 2 of unknown type left: Thumbs.db, notes.txt;" in lines[2]


def test_lossy_outputs_have_quality_95_unless_told_otherwise(folder: Path) -> None:
    sizes = []
    for quality in ([], ["--quality", "95"], ["--quality", "60"]):
        assert main(["decode", "clear.lic", "-o", "x.jpg", "-f", *quality]) == 0
        sizes.append(Path("x.jpg").stat().st_size)
    assert sizes[0] == sizes[1] > sizes[2]
    with pytest.raises(SystemExit):
        main(["decode", "clear.lic", "-o", "x.jpg", "--quality", "0"])


def test_what_a_format_cannot_hold_is_said(folder: Path, capsys: Captured) -> None:
    assert main(["decode", "clear.lic", "-o", "x.jpg"]) == 0
    assert capsys.readouterr().err == (
        "clear.lic: JPEG holds no transparency: the picture is put on white, use .png to keep it\n"
    )
    assert np.asarray(Image.open("x.jpg")).min() > 200
    assert main(["decode", "clear.lic", "-o", "x.bmp"]) == 0
    assert "BMP holds no colour profile: left out, use .png to keep it" in capsys.readouterr().err
    assert main(["decode", "clear.lic", "-o", "x.webp"]) == 0
    assert capsys.readouterr().err == ""
