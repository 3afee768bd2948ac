"""The page of `lic compare` works by keyboard and offline."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lic.tools.evaluation.versions import Version
from lic.tools.pages.slider import slider_page
from tests.conftest import Pixels
from tests.tools.browser.chromium import Tab


@pytest.fixture(scope="module")
def html_page(photo: Pixels, versions: list[Version], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(slider_page("photo.png", photo, versions, 1600), encoding="utf-8")
    return path


def test_the_page_fetches_nothing(html_page: Path) -> None:
    text = html_page.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text)
    assert "http:" not in text.replace("http-equiv", "") and "https:" not in text


def test_the_page_works_by_keyboard(
    html_page: Path, run_in_page: Callable[[Path, str], str], versions: list[Version]
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


def test_a_live_page_decodes_the_file_itself(
    photo: Pixels, versions: list[Version], tab: Tab, tmp_path: Path, tiny_model_path: Path
) -> None:
    path = tmp_path / "live.html"
    text = slider_page("photo.png", photo, versions, 1600, live=True)
    assert text.count('src="data:image/png') == len(versions)  # the original, and all but lic's
    path.write_bytes(text.encode())
    tab.open(path.as_uri())
    tab.wait_for("document.querySelector('img[data-lic]').naturalWidth === 261")
    tab.run("await document.querySelector('img[data-lic]').decode();")
    encoded = tab.run("""
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [261, 203];
      const context = canvas.getContext("2d");
      context.drawImage(document.querySelector("img[data-lic]"), 0, 0);
      return btoa(String.fromCharCode(...context.getImageData(0, 0, 100, 100).data));
    """)
    shown = np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(100, 100, 4)[..., :3]
    assert np.abs(shown.astype(int) - versions[0].pixels[:100, :100].astype(int)).max() <= 1
    assert tab.errors() == []
