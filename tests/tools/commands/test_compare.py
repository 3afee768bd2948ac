"""`lic compare`: a sheet, a page, and errors for wrong arguments."""

from pathlib import Path

import pytest
from PIL import Image

from lic.tools.cli import main
from tests.conftest import Pixels


def test_the_command_writes_sheet_and_page(photo: Pixels, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output, html = (tmp_path / name for name in ("photo.png", "sheet.png", "page.html"))
    Image.fromarray(photo).save(source)
    arguments = ["compare", str(source), "--like-jpeg", "30", "-o", str(output), "--html", str(html)]
    assert main([*arguments, "--codecs", "jpeg,webp"]) == 0
    with Image.open(output) as image:
        assert image.format == "PNG"
    assert html.read_text(encoding="utf-8").count("data:image/png;base64,") == 3
    printed = capsys.readouterr().out
    assert printed.startswith("JPEG 4:2:0, ") and "PSNR chroma that of Cb and Cr together" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say where"),
        (["-o", "x.jpg"], "must end in .png"),
        (["-o", "x.png", "--bytes", "0"], "larger size"),
        (["-o", "x.png", "--like-jpeg", "0"], "choose from 1 to 100"),
        (["-o", "nowhere/x.png"], "no folder"),
        (["-o", "x.png", "--live"], "give --html"),
    ],
)
def test_wrong_arguments_are_explained(
    arguments: list[str], message: str, photo: Pixels, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "photo.png"
    Image.fromarray(photo).save(source)
    assert main(["compare", str(source), "--codecs", "jpeg", *arguments]) > 0
    assert message in capsys.readouterr().err


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.png").write_text("no picture")
    assert main(["compare", str(tmp_path / "x.png"), "--codecs", "jpeg", "-o", str(tmp_path / "y.png")]) == 1
    assert "cannot read" in capsys.readouterr().err
