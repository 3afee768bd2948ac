"""Drawings and screenshots through the command line: exact where that is smaller, or a warning."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lic import read_info
from lic.tools.cli import main
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A drawing of one bit, one with transparency, a photograph, and a very small JPEG file of it."""
    monkeypatch.chdir(tmp_path)
    drawing = Image.new("1", (300, 200), 1)
    draw = ImageDraw.Draw(drawing)
    for line in range(20):
        draw.line((0, 10 * line, 299, 190 - 5 * line))
        draw.text((10 + line, 10 * line), "the quick brown fox")
    drawing.save("drawing.png", optimize=True)
    icon = Image.new("RGBA", (100, 80), (0, 0, 0, 0))
    ImageDraw.Draw(icon).ellipse((10, 10, 70, 70), (200, 30, 30, 255), (0, 0, 0, 128))
    icon.save("icon.png")
    Image.fromarray(photo).save("photo.png")
    Image.fromarray(photo).save("photo.jpg", quality=10)
    return tmp_path


def decoded(name: str) -> Pixels:
    return np.asarray(Image.open(name))


def test_a_drawing_is_exact_and_smaller_than_its_png_file(capsys: Captured) -> None:
    assert main(["encode", "drawing.png"]) == 0
    np.testing.assert_array_equal(decoded("drawing.lic"), np.asarray(Image.open("drawing.png").convert("L")))
    assert Path("drawing.lic").stat().st_size < Path("drawing.png").stat().st_size
    assert capsys.readouterr().err == ""
    assert main(["decode", "drawing.lic", "-o", "part.png", "--crop", "20,30,120,60"]) == 0
    np.testing.assert_array_equal(decoded("part.png"), decoded("drawing.lic")[30:60, 20:120])


def test_a_screenshot_with_a_photograph_in_it_is_exact_if_that_is_smaller(photo: Pixels, capsys: Captured) -> None:
    page = Image.new("RGB", (400, 300), "white")
    draw = ImageDraw.Draw(page)
    for line in range(25):
        draw.text((5, 12 * line), "def f(x): return x + 1  # a comment that goes on", fill=(30, 30, 10 * line))
    page.paste(Image.fromarray(photo[:60, :80]), (310, 150))
    page.save("page.png")
    assert main(["encode", "page.png", "-q", "95"]) == 0
    np.testing.assert_array_equal(decoded("page.lic"), decoded("page.png"))
    assert capsys.readouterr().err == ""


def test_transparency_is_kept_too() -> None:
    assert main(["encode", "icon.png", "-q", "90"]) == 0
    before, after = decoded("icon.png"), decoded("icon.lic")
    assert "W" in read_info("icon.lic").sections
    np.testing.assert_array_equal(before[..., 3], after[..., 3])
    visible = before[..., 3] > 0
    np.testing.assert_array_equal(before[visible], after[visible])


def test_lossless_keeps_a_photograph(capsys: Captured) -> None:
    assert main(["encode", "photo.png", "-m", "tiny", "--lossless"]) == 0
    np.testing.assert_array_equal(decoded("photo.lic"), decoded("photo.png"))
    assert main(["encode", "photo.png", "-o", "x.lic", "-m", "tiny"]) == 0
    assert "W" not in read_info("x.lic").sections
    assert main(["encode", "photo.png", "-o", "y.lic", "-m", "tiny", "--lossless", "-q", "50"]) == 2
    assert "give --lossless or --quality, not both" in capsys.readouterr().err


def test_a_drawing_that_loses_details_is_a_warning(capsys: Captured) -> None:
    assert main(["encode", "drawing.png", "-m", "tiny", "-q", "1", "--no-lossless"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["encode", "drawing.png", "-o", "x.lic", "-m", "tiny", "-q", "1"]) == 0
    assert "L" in read_info("x.lic").sections and "W" not in read_info("x.lic").sections
    error = capsys.readouterr().err
    assert error.startswith("drawing.png: this looks like a drawing or a screenshot") and "--lossless keeps" in error


def test_a_target_out_of_reach_for_latents_is_met_without_loss() -> None:
    assert main(["encode", "drawing.png", "-m", "tiny", "--target-psnr", "99"]) == 0
    assert "W" in read_info("drawing.lic").sections


def test_a_result_larger_than_its_input_is_a_warning_with_the_ratio(capsys: Captured) -> None:
    assert main(["encode", "photo.jpg", "-q", "90"]) == 0
    ratio = Path("photo.lic").stat().st_size / Path("photo.jpg").stat().st_size
    said = f"photo.jpg: the result is {ratio:.3g} times as large as the input: keep the input, "
    assert capsys.readouterr().err == f"{said}as --only-if-smaller does, or lower --quality\n"


def test_a_small_gradient_is_exact_because_that_is_smaller() -> None:
    gradient = np.stack([(4 * np.add.outer(np.arange(64), np.arange(96))).astype(np.uint8)] * 3, 2)
    Image.fromarray(gradient).save("gradient.png")
    assert main(["encode", "gradient.png"]) == 0
    assert "W" in read_info("gradient.lic").sections
    np.testing.assert_array_equal(decoded("gradient.lic"), gradient)


def test_a_target_size_that_a_file_without_loss_meets_is_met_so(photo: Pixels) -> None:
    Image.fromarray(photo[:64, :64]).save("part.png")
    assert main(["encode", "part.png", "--target-size", "50k", "-m", "tiny"]) == 0
    np.testing.assert_array_equal(decoded("part.lic"), photo[:64, :64])
