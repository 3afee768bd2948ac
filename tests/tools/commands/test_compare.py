"""`lic compare`: equal sizes, exact captions, a sheet, and a page that works by keyboard and offline."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lic.tools.cli import main
from lic.tools.commands import compare
from lic.tools.evaluation.codecs import get_codec
from lic.tools.pages import sheet

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def versions(photo: Pixels, tiny_model_path: Path) -> list[compare.Version]:
    chosen = [get_codec(name, str(tiny_model_path)) for name in ("lic", "jpeg", "jpeg2000", "webp")]
    return compare.make_versions(photo, chosen, 1600)


@pytest.fixture(scope="module")
def html_page(photo: Pixels, versions: list[compare.Version], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(compare.build_page("photo.png", photo, versions, 1600))
    return path


def test_all_versions_have_nearly_the_same_size(versions: list[compare.Version]) -> None:
    assert all(1400 < version.bytes <= 1600 for version in versions)
    assert not any(version.over_limit for version in versions)


def test_a_codec_that_cannot_be_so_small_says_so(photo: Pixels) -> None:
    (version,) = compare.make_versions(photo, [get_codec("jpeg")], 100)
    assert version.over_limit and version.setting == 1
    assert "the smallest it can be" in version.caption()


def test_captions_say_size_and_which_psnr(versions: list[compare.Version]) -> None:
    jpeg = versions[1]
    assert re.fullmatch(
        r"JPEG 4:2:0, \d+ bytes \(0\.\d{3} bit/px\), "
        r"PSNR: \d\d\.\d\d dB luma / \d\d\.\d\d dB chroma, MS-SSIM: 0\.\d{4}",
        jpeg.caption(),
    )
    assert f"{8 * jpeg.bytes / (203 * 261):.3f} bit/px" in jpeg.caption()


@pytest.mark.parametrize(
    ("arguments", "limit"), [((1234, None, None), 1234), ((None, 0.5, None), 3311), ((None, None, 30), None)]
)
def test_the_limit_is_bytes_or_a_rate_or_that_of_a_jpeg(
    photo: Pixels, arguments: tuple[int | None, float | None, int | None], limit: int | None
) -> None:
    expected = limit or len(get_codec("jpeg").encode(photo, 30))
    assert compare.byte_limit(photo, *arguments) == expected


def test_crops_are_where_the_versions_differ_most(photo: Pixels) -> None:
    changed = photo.copy()
    changed[100:132, 40:72] = 255 - changed[100:132, 40:72]
    changed[20:52, 200:232] //= 2
    places = sheet.most_different(photo, [photo, changed], 32, 2)
    assert sorted(places) == [(20, 200, 32), (100, 40, 32)]


def test_the_sheet_shows_every_version(photo: Pixels, versions: list[compare.Version]) -> None:
    drawn = sheet.draw_sheet("photo.png", photo, versions)
    assert drawn.shape[1] == sheet.WIDTH
    assert all((drawn[:, x] != 255).any() for x in (100, 800, 1400))


def test_a_tiny_photo_has_a_sheet_too(tiny_model_path: Path) -> None:
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    versions = compare.make_versions(pixels, [get_codec("lic", str(tiny_model_path)), get_codec("webp")], 500)
    assert "MS-SSIM: -" in versions[0].caption()
    sheet.draw_sheet("tiny.png", pixels, versions)


def test_the_command_writes_sheet_and_page(photo: Pixels, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output, html = (tmp_path / name for name in ("photo.png", "sheet.png", "page.html"))
    Image.fromarray(photo).save(source)
    arguments = ["compare", str(source), "--like-jpeg", "30", "-o", str(output), "--html", str(html)]
    assert main([*arguments, "--codecs", "jpeg,webp"]) == 0
    with Image.open(output) as image:
        assert image.format == "PNG"
    assert html.read_text().count("data:image/png;base64,") == 3
    printed = capsys.readouterr().out
    assert printed.startswith("JPEG 4:2:0, ") and "PSNR chroma that of Cb and Cr together" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say where"),
        (["-o", "x.jpg"], "PNG"),
        (["-o", "x.png", "--bytes", "0"], "larger size"),
        (["-o", "x.png", "--like-jpeg", "0"], "choose from 1 to 100"),
        (["-o", "nowhere/x.png"], "no folder"),
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


def test_the_page_fetches_nothing(html_page: Path) -> None:
    text = html_page.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text)
    assert "http:" not in text.replace("http-equiv", "") and "https:" not in text


def test_the_page_works_by_keyboard(
    html_page: Path, run_in_page: Callable[[Path, str], str], versions: list[compare.Version]
) -> None:
    script = """
      const state = () => said.push([
        document.getElementById("divider").getAttribute("aria-valuenow"),
        document.querySelector("img.left").alt.split(",")[0],
        document.querySelector("img.right").alt.split(",")[0]]);
      state();
      press("ArrowRight"); press("ArrowRight", { shiftKey: true }); state();
      press("Home"); press("ArrowLeft"); state();
      press("3", { code: "Digit3" }); press("!", { code: "Digit1", shiftKey: true }); state();
      press("x"); press("End"); state();
      said.push(document.getElementById("left-caption").textContent);
      document.getElementById("zoom").value = "2";
      press("z"); said.push(document.getElementById("stage").getBoundingClientRect().width);
      said.push(document.images[0].naturalWidth);
    """
    said = json.loads(run_in_page(html_page, script))
    assert said == [
        ["50", "lic (tiny)", "JPEG 4:2:0"],
        ["61", "lic (tiny)", "JPEG 4:2:0"],
        ["0", "lic (tiny)", "JPEG 4:2:0"],
        ["0", "Original", "JPEG 4:2:0"],
        ["100", "JPEG 4:2:0", "Original"],
        f"{versions[1].label}, {versions[1].size()}\n{versions[1].quality()}",
        4 * 261,
        261,
    ]
