"""The page on which one compares for oneself, in three engines."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lic import decode, encode
from lic.codec.model.frozen import FrozenModel
from lic.tools.evaluation.metrics import measure
from lic.tools.pages.trial import trial_page
from lic.tools.pages.viewer import EXAMPLE, Picture, models_of, picture_of
from tests.conftest import Pixels
from tests.tools.browser.chromium import Tab
from tests.tools.browser.webdriver import Page

Driven = Tab | Page
ROWS = "Array.from(document.querySelectorAll('#rows tr'), (row) => Array.from(row.cells, (cell) => cell.textContent))"
DONE = "document.querySelectorAll('#rows tr').length >= 3 && !document.getElementById('said').textContent"


def png_of(pixels: Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def lic_file(photo: Pixels, tiny_model_path: Path) -> Picture:
    return picture_of("photo.lic", encode(photo, quality=90, model="tiny"))


def opened(page: Driven, path: Path, given: list[Picture], lic_file: Picture) -> Driven:
    path.write_bytes(trial_page(given, models_of([lic_file])).encode())
    page.open(path.as_uri())
    return page


def test_it_shows_the_browsers_formats_in_at_most_as_many_bytes(
    page: Driven, photo: Pixels, lic_file: Picture, tmp_path: Path
) -> None:
    original = Picture("photo.png", png_of(photo), None)
    opened(page, tmp_path / "page.html", [original, lic_file], lic_file).wait_for(DONE)
    rows = {row[0]: row[1:] for row in page.run(f"return {ROWS};")}
    assert {"Original", "lic", "JPEG"} <= set(rows)
    sizes = {label: int(row[0].replace(",", "")) for label, row in rows.items()}
    assert sizes["Original"] == len(original.data) and sizes["lic"] == len(lic_file.data)
    assert all(size <= sizes["lic"] for label, size in sizes.items() if label not in ("Original", "lic"))
    wanted = measure(photo, np.array(decode(lic_file.data))).psnr
    assert float(rows["lic"][2]) == pytest.approx(wanted, abs=0.02)
    assert page.run("return ['left', 'right'].map((id) => document.getElementById(id).value);") == ["1", "2"]
    assert page.run("return document.title;").startswith("photo.png: ")
    assert page.run("return document.querySelectorAll('#rows .best').length;") == 1


DROP = """
  const files = new DataTransfer();
  for (const [name, text] of FILES)
    files.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name));
  dispatchEvent(new DragEvent("drop", { dataTransfer: files, cancelable: true }));
"""


def drop(tab: Tab, **files: bytes) -> None:
    listed = [[name, base64.b64encode(data).decode()] for name, data in files.items()]
    tab.run(DROP.replace("FILES", repr(listed)))


def test_what_is_missing_or_does_not_belong_together_is_said(
    tab: Tab, photo: Pixels, lic_file: Picture, tmp_path: Path
) -> None:
    said = "document.getElementById('said').textContent"
    opened(tab, tmp_path / "page.html", [], lic_file)
    assert tab.run("return document.getElementById('drop').checkVisibility();")
    drop(tab, photo=lic_file.data)
    tab.wait_for(f"{said}.startsWith('Now the picture')")
    drop(tab, other=png_of(photo[:50]))
    tab.wait_for(f"{said}.includes('not the same picture')")
    drop(tab, broken=b"no picture")
    tab.wait_for(f"{said}.includes('no picture that this browser can read')")
    drop(tab, original=png_of(photo), photo=lic_file.data)
    tab.wait_for(DONE)


SLIDE = """
  const slider = document.getElementById("quality");
  slider.value = VALUE;
  slider.dispatchEvent(new Event("input"));
"""


def test_a_picture_is_encoded_at_the_quality_of_the_slider(
    page: Driven, photo: Pixels, lic_file: Picture, tiny_model: FrozenModel, tmp_path: Path
) -> None:
    opened(page, tmp_path / "page.html", [Picture("photo.png", png_of(photo), None)], lic_file).wait_for(DONE)
    for quality in (50, 85):
        page.run(SLIDE.replace("VALUE", str(quality - 7)))  # what comes next overtakes it
        page.run(SLIDE.replace("VALUE", str(quality)))
        page.wait_for(f"{ROWS}[1][0] === 'lic, quality {quality}' && {DONE}")
        rows = page.run(f"return {ROWS};")
        data = encode(photo, quality=quality, model="tiny", lossless=False)
        assert int(rows[1][1].replace(",", "")) == len(data)
        assert float(rows[1][3]) == pytest.approx(measure(photo, np.array(decode(data))).psnr, abs=0.02)
        assert all(int(row[1].replace(",", "")) <= len(data) for row in rows[2:] if "smallest" not in row[1])
    assert page.run("return ['left', 'right'].map((id) => document.getElementById(id).value);") == ["1", "2"]


# As soon as progress is told.
SLIDE_SOON = """
  new MutationObserver((_, observer) => {
    if (!all.at(-1).includes(" lic: ")) return;
    observer.disconnect();
    all = [];
    SLIDE
  }).observe(document.getElementById("said"), { childList: true });
"""


def test_of_a_large_picture_the_progress_is_said_and_a_change_stops_it(
    tab: Tab, photo: Pixels, lic_file: Picture, tmp_path: Path
) -> None:
    large = np.array(Image.fromarray(photo).resize((40, 3300)))
    opened(tab, tmp_path / "page.html", [Picture("large.png", png_of(large), None)], lic_file)
    tab.run(
        "const said = document.getElementById('said'); window.all = [];"
        "new MutationObserver(() => all.push(said.textContent)).observe(said, { childList: true });"
    )
    tab.run(SLIDE.replace("VALUE", "30"))
    tab.wait_for(f"{ROWS}[1]?.[0] === 'lic, quality 30' && {DONE}")
    said = tab.run("return all;")
    assert "encoding lic: 50 %" in said and "decoding lic: 100 %" in said
    tab.run(SLIDE_SOON.replace("SLIDE", SLIDE.replace("VALUE", "40")) + SLIDE.replace("VALUE", "35"))
    tab.wait_for(f"{ROWS}[1][0] === 'lic, quality 40' && {DONE}")
    assert "decoding lic" not in tab.run(
        "return all.slice(0, all.indexOf('encoding lic'));"
    )  # that at 35 has been stopped


def test_an_example_can_be_taken(tab: Tab, lic_file: Picture, tmp_path: Path) -> None:
    opened(tab, tmp_path / "page.html", [], lic_file)
    tab.run("document.getElementById('example').click();")
    tab.wait_for(DONE)
    assert tab.run("return document.title;").startswith("coffee.webp: ")
    assert tab.run(f"return {ROWS};")[0][1] == f"{EXAMPLE.stat().st_size:,}"


def test_arrows_move_the_slider_that_has_the_focus(tab: Tab, photo: Pixels, lic_file: Picture, tmp_path: Path) -> None:
    opened(tab, tmp_path / "page.html", [Picture("photo.png", png_of(photo), None)], lic_file).wait_for(DONE)
    tab.run("document.getElementById('quality').focus();")
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39)
    tab.wait_for(f"document.getElementById('quality-text').textContent === '51' && {DONE}")
    assert tab.run("return document.getElementById('divider').getAttribute('aria-valuenow');") == "50"
