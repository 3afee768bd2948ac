"""The page of `lic compare` works by keyboard and offline."""

import base64
import re
from pathlib import Path

import numpy as np
import pytest

from lic.tools.evaluation.versions import Version
from lic.tools.pages import viewer
from lic.tools.pages.slider import slider_page
from tests.conftest import Pixels
from tests.tools.browser.chromium import Tab
from tests.tools.browser.webdriver import Page

Driven = Tab | Page


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


@pytest.fixture
def opened(html_page: Path, page: Driven) -> Driven:
    page.open(html_page.as_uri())
    page.run(PRESS)
    return page


# Keys, pointers and the wheel as a user would move them, and what is then seen.
PRESS = """
  window.press = (key, more = {}) => document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
  const stage = document.getElementById("stage");
  stage.setPointerCapture = () => {};
  window.point = (type, x, y, pointerId = 1, target = stage) => {
    const box = stage.getBoundingClientRect();
    const at = { clientX: box.left + x, clientY: box.top + y };
    target.dispatchEvent(new PointerEvent(type, { bubbles: true, cancelable: true, pointerId, ...at }));
  };
  window.turn = (deltaY, x, y) => {
    const box = stage.getBoundingClientRect();
    const at = { clientX: box.left + x, clientY: box.top + y };
    stage.dispatchEvent(new WheelEvent("wheel", { bubbles: true, cancelable: true, ctrlKey: true, deltaY, ...at }));
  };
  window.side = (name) => document.querySelector(`#paper .${name}`).getAttribute("alt");
  window.divided = () => Number(document.getElementById("divider").getAttribute("aria-valuenow"));
  window.paper = () => {
    const [box, outer] = ["paper", "stage"].map((id) => document.getElementById(id).getBoundingClientRect());
    return { x: box.left - outer.left, y: box.top - outer.top, width: box.width };
  };
"""


def test_the_page_works_by_keyboard(opened: Driven, versions: list[Version]) -> None:
    def state() -> list[object]:
        return list(opened.run("return [divided(), side('left'), side('right')];"))

    assert state() == [50, "lic (tiny)", "JPEG 4:2:0"]
    opened.run("press('ArrowRight'); press('ArrowRight', { shiftKey: true });")
    assert state()[0] == 61
    opened.run("press('Home'); press('ArrowLeft'); press('3', { code: 'Digit3' });")
    opened.run("press('!', { code: 'Digit1', shiftKey: true });")
    assert state() == [0, "Original", "JPEG 4:2:0"]
    opened.run("press('x'); press('End');")
    assert state() == [100, "JPEG 4:2:0", "Original"]
    caption = opened.run("return document.getElementById('left-caption').textContent;")
    assert caption.split("\n")[:2] == [versions[1].label, versions[1].size()]
    assert opened.run("return paper().width;") == 261  # it fits, and is not enlarged
    scale = opened.run("return devicePixelRatio;")
    for pixels in (1, 2, 4):
        opened.run("press('z');")
        assert opened.run("return paper().width;") == pytest.approx(261 * pixels / scale, abs=0.5)


def test_arrows_move_the_divider_if_it_has_the_focus_and_else_the_enlarged_picture(opened: Driven) -> None:
    opened.run("for (let i = 0; i < 8; i++) press('+');")
    before = opened.run("return [divided(), paper().x];")
    opened.run("press('ArrowRight');")
    after = opened.run("return [divided(), paper().x];")
    assert after[0] == before[0] and after[1] < before[1]
    opened.run("document.getElementById('divider').focus(); press('ArrowRight');")
    assert opened.run("return [divided(), paper().x];") == [before[0] + 1, after[1]]


def test_the_wheel_enlarges_at_the_pointer_and_dragging_moves(opened: Driven) -> None:
    opened.run("for (let i = 0; i < 9; i++) turn(-150, 100, 60);")
    grown = opened.run("return paper();")
    assert grown["width"] > 4 * 261
    opened.run("turn(-150, 300, 90);")
    x, width = (opened.run("return paper();")[name] for name in ("x", "width"))
    assert (300 - x) / width == pytest.approx((300 - grown["x"]) / grown["width"], abs=0.002)
    opened.run("point('pointerdown', 90, 90); point('pointermove', 70, 90); point('pointerup', 70, 90);")
    assert opened.run("return paper().x;") == pytest.approx(x - 20, abs=0.5)
    assert opened.run("return divided();") == 50


def test_the_divider_has_a_handle_and_two_fingers_enlarge(opened: Driven) -> None:
    opened.run("""
      const divider = document.getElementById("divider");
      point("pointerdown", 130, 50, 1, divider); point("pointermove", 196, 50); point("pointerup", 196, 50);
    """)
    assert opened.run("return divided();") == pytest.approx(75, abs=1)
    opened.run("""
      point("pointerdown", 100, 100, 1); point("pointerdown", 120, 100, 2);
      point("pointermove", 180, 100, 2); point("pointerup", 100, 100, 1); point("pointerup", 180, 100, 2);
    """)
    assert opened.run("return paper().width;") == pytest.approx(4 * 261, rel=0.01)


def test_one_to_one_is_device_pixels_on_a_fine_screen(html_page: Path, tab: Tab) -> None:
    tab.call("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=2, mobile=False)
    tab.open(html_page.as_uri())
    widths = tab.run("""
      const zoom = document.getElementById("zoom");
      return [0, 1, 2, 3].map((step) => {
        zoom.selectedIndex = step;
        zoom.dispatchEvent(new Event("change"));
        return [zoom.selectedIndex, document.getElementById("paper").getBoundingClientRect().width];
      });
    """)
    assert widths == [[0, 261], [1, 130.5], [2, 261], [3, 522]]
    tab.call("Emulation.clearDeviceMetricsOverride")


def test_the_page_stays_within_a_phone(html_page: Path, tab: Tab, tmp_path: Path) -> None:
    tab.open(html_page.as_uri())
    tab.screenshot(tmp_path / "phone.png", 390, 844)
    assert tab.run("return document.documentElement.scrollWidth;") <= 390
    assert tab.run("return document.getElementById('tools').scrollWidth;") <= 390
    tab.call("Emulation.clearDeviceMetricsOverride")


CANVAS = "document.querySelector('canvas[data-lic]')"


def test_a_live_page_decodes_the_file_itself(
    photo: Pixels, versions: list[Version], page: Driven, tmp_path: Path, tiny_model_path: Path
) -> None:
    path = tmp_path / "live.html"
    text = slider_page("photo.png", photo, versions, 1600, live=True)
    assert text.count('src="data:image/png') == len(versions)  # the original, and all but lic's
    path.write_bytes(text.encode())
    page.open(path.as_uri())
    page.wait_for(f"{CANVAS}.width === 261")
    encoded = page.run(f"""
      const {{ data }} = {CANVAS}.getContext("2d").getImageData(0, 0, 100, 100);
      return btoa(String.fromCharCode(...data));
    """)
    shown = np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(100, 100, 4)[..., :3]
    assert np.abs(shown.astype(int) - versions[0].pixels[:100, :100].astype(int)).max() <= 1
    assert page.run("return document.getElementById('left-caption').textContent;").count("\n") == 3


def test_what_cannot_be_decoded_is_said_and_no_other_picture_is_seen_in_its_place(
    photo: Pixels, versions: list[Version], page: Driven, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer, "models_of", lambda _: [])
    path = tmp_path / "live.html"
    path.write_bytes(slider_page("photo.png", photo, versions, 1600, live=True).encode())
    page.open(path.as_uri())
    page.wait_for(
        "document.getElementById('left-caption').textContent.includes('cannot be decoded: the file needs model')"
    )
    assert page.run(f"return [{CANVAS}.width, {CANVAS}.checkVisibility()];") == [0, True]
    background = page.run(f"return getComputedStyle({CANVAS}).backgroundColor;")
    assert background.startswith("rgb(")  # opaque: what is below it is not seen


def test_one_version_on_both_sides_is_seen_whole(opened: Driven) -> None:
    opened.run("press('2', { code: 'Digit2' });")
    assert opened.run("return side('left') === side('right');")
    assert opened.run("return getComputedStyle(document.querySelector('#paper .left')).clipPath;") == "none"


def test_the_best_of_each_column_is_marked(photo: Pixels, versions: list[Version]) -> None:
    text = slider_page("photo.png", photo, versions, 1600)
    best = max(version.scores.psnr for version in versions)
    assert f'<td class="best">{best:.2f}</td>' in text
    assert "<h1>photo at 1.6 kB, four codecs</h1>" in text
