"""Pages that show .lic files: what is in them, and what one does with them in a browser."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

from lic import decode, encode
from lic.codec.errors import Truncated
from lic.codec.model.frozen import FrozenModel
from lic.tools.pages import page
from lic.tools.pages.closeup import COLOURS
from lic.tools.pages.viewer import example_by, models_of, picture_files, read_pictures, viewer_page
from tests.conftest import Pixels
from tests.tools.browser.chromium import Tab

TITLE = "document.title.startsWith"
LARGEST_MODEL, LARGEST_PAGE = 8_000_000, 10_000_000


@pytest.fixture(scope="module")
def files(photo: Pixels, tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("files")
    made = {
        "first.lic": encode(photo, quality=60, model="tiny"),
        "se</script>cond.lic": encode(np.dstack([photo[:100], photo[:100, :, :1]]), quality=20, model="tiny"),
        "stored.lic": encode(photo[:40, :40], lossless=True, model="tiny"),
        "damaged.lic": encode(photo, quality=30, model="tiny")[:-9],
    }
    for name, data in made.items():
        (folder / name.replace("/", "\N{DIVISION SLASH}")).write_bytes(data)
    return [folder / name.replace("/", "\N{DIVISION SLASH}") for name in made]


@pytest.fixture
def opened(tab: Tab, files: list[Path], tmp_path: Path) -> Tab:
    pictures = read_pictures(map(str, files[:3]))
    page = tmp_path / "page.html"
    page.write_bytes(viewer_page(pictures, models_of(pictures)).encode())
    tab.open(page.as_uri())
    tab.wait_for(f"document.querySelectorAll('#strip canvas[width]').length === 3 && {TITLE}('first.lic')")
    return tab


def test_a_page_fetches_nothing(files: list[Path]) -> None:
    pictures = read_pictures(map(str, files[:1]))
    text = viewer_page(pictures, models_of(pictures))
    assert "default-src 'none'" in text
    markup = re.sub(r"(<script[^>]*>).*?</script>", r"\1", text, flags=re.DOTALL)
    assert not re.findall(r"""<[^>]*\b(?:src|href)=["'](?!data:)""", markup)


def test_each_model_is_in_a_page_once(files: list[Path]) -> None:
    pictures = read_pictures(map(str, files[:3]))
    assert [model.name for model in models_of(pictures)] == ["tiny"]
    assert models_of(pictures[2:]) == []  # lossless
    assert len(picture_files(pictures)) == 3


def test_a_damaged_file_is_refused_by_name(files: list[Path]) -> None:
    with pytest.raises(Truncated, match=r"damaged\.lic: the file ends"):
        read_pictures([str(files[3])])


def facts(tab: Tab) -> str:
    return str(tab.run("return document.getElementById('sheet').innerText;"))


def shown(tab: Tab) -> np.ndarray:
    """The pixels of the canvas."""
    encoded = tab.run("""
      const canvas = document.getElementById("picture");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const reader = new FileReader();
      reader.readAsDataURL(new Blob([data]));
      await new Promise((done) => reader.addEventListener("load", done));
      return [reader.result.split(",")[1], canvas.height, canvas.width];
    """)
    return np.frombuffer(base64.b64decode(encoded[0]), np.uint8).reshape(*encoded[1:], 4).astype(int)


def press(tab: Tab, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key=key, text=key if len(key) == 1 and kind == "keyDown" else "")


def test_the_page_shows_the_pictures_and_their_facts(opened: Tab, files: list[Path]) -> None:
    data = files[0].read_bytes()
    assert np.abs(shown(opened)[..., :3] - np.array(decode(data)).astype(int)).max() <= 1
    said = facts(opened)
    assert "first.lic" in said and "261 \N{MULTIPLICATION SIGN} 203 pixels, colour" in said and "model tiny" in said
    assert "60.0 of 100" in said and f"{8 * len(data) / (261 * 203):.3f} bits per pixel" in said
    assert opened.errors() == []


def test_the_page_works_by_keyboard(opened: Tab, files: list[Path]) -> None:
    press(opened, "ArrowRight")
    opened.wait_for("document.title.startsWith('se<')")
    assert "colour with transparency" in facts(opened)
    press(opened, "ArrowLeft")
    press(opened, "ArrowLeft")
    opened.wait_for("document.title.startsWith('stored.lic')")
    assert "lossless" in facts(opened)
    assert opened.run("return document.getElementById('bits').disabled;")
    press(opened, "ArrowRight")
    opened.wait_for("document.title.startsWith('first.lic')")
    press(opened, "b")
    opened.wait_for("!document.getElementById('overlay').hidden && document.getElementById('overlay').width === 66")
    assert "bits or more in a block of 16 \N{MULTIPLICATION SIGN} 16 pixels" in opened.run(
        "return document.getElementById('legend').innerText;"
    )
    press(opened, "b")
    opened.wait_for("document.getElementById('overlay').hidden")
    press(opened, "z")
    press(opened, "z")
    assert opened.run("return document.getElementById('paper').getBoundingClientRect().width;") == 2 * 261
    before = opened.run("return document.documentElement.dataset.theme;")
    press(opened, "t")
    assert opened.run("return document.documentElement.dataset.theme;") is not before
    assert opened.errors() == []


def test_dropped_files_are_shown_and_damaged_ones_explained(opened: Tab, files: list[Path]) -> None:
    dropped = [base64.b64encode(path.read_bytes()).decode() for path in (files[3], files[0])]
    opened.run(f"""
      const bytes = {dropped!r}.map((text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
      const files = new DataTransfer();
      bytes.forEach((data, i) => files.items.add(new File([data], `dropped-${{i}}.lic`)));
      dispatchEvent(new DragEvent("drop", {{ dataTransfer: files, cancelable: true }}));
    """)
    opened.wait_for("document.getElementById('error').textContent")
    assert opened.run("return document.getElementById('error').textContent;").startswith("dropped-0.lic: the file ends")
    assert opened.run("return document.getElementById('shown').hidden;")
    tiles = "return document.querySelectorAll('#strip button').length;"
    assert opened.run(tiles) == 5
    opened.run("document.getElementById('remove').click();")
    opened.wait_for("document.title.startsWith('dropped-1.lic')")
    assert opened.run("return document.getElementById('failed').hidden;")
    assert opened.run(tiles) == 4
    for _ in range(4):
        press(opened, "Delete")
    assert opened.run("return document.getElementById('drop').checkVisibility();")


def test_an_empty_page_offers_an_example(tab: Tab, tiny_model: FrozenModel, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    for example in (b"", example_by(tiny_model)):
        page.write_bytes(viewer_page([], [tiny_model], example).encode())
        tab.open(page.as_uri())
        tab.wait_for("document.getElementById('drop').checkVisibility()")
        if example:
            tab.wait_for("document.getElementById('example').checkVisibility()")
        assert tab.run("return document.getElementById('example').checkVisibility();") is bool(example)
    tab.run("document.getElementById('example').click();")
    tab.wait_for("document.title.startsWith('example.lic')")
    assert "600 \N{MULTIPLICATION SIGN} 400 pixels" in facts(tab)
    assert tab.errors() == []


def test_bits_have_the_colours_of_the_report() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    found = re.search(r"const MAGMA = (\[.*?\n\]);", page.asset("viewer.js"), re.DOTALL)
    assert found
    ours = json.loads(found[1].replace(",\n]", "]"))
    wanted = [matplotlib.colormaps[COLOURS](t, bytes=True)[:3] for t in np.linspace(0, 1, 9)]
    np.testing.assert_allclose(ours, wanted, atol=1)


def test_the_page_stays_within_a_phone(opened: Tab, tmp_path: Path) -> None:
    opened.screenshot(tmp_path / "phone.png", 390, 844)
    assert opened.run("return document.documentElement.scrollWidth;") <= 390
    opened.call("Emulation.clearDeviceMetricsOverride")
