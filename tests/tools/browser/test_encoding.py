"""The encoder for browsers: the same bytes as in Python, in three engines."""

import base64
import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from lic.codec.encode.pipeline import encode_picture
from lic.codec.file.container import ALPHA, STORED, parse
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.picture.alpha import unpack_alpha
from lic.codec.picture.pixels import Pixels
from lic.codec.picture.reading import read_image
from lic.tools.pages import viewer
from lic.tools.pages.server import ISOLATED
from lic.tools.pages.viewer import decoder_inside, site_files
from tests.codec.transform.random_models import random_pixels, with_extras
from tests.tools.browser.chromium import Tab
from tests.tools.browser.site import STRICT, serving
from tests.tools.browser.webdriver import Page

Driven = Tab | Page
GOLDEN = Path(__file__).parents[3] / "conformance"

# In the page: a file that is encoded from the pixels of a PNG file, as base64; or what is wrong.
ENCODED = """
  const bytes = Uint8Array.from(atob("%s"), (letter) => letter.charCodeAt(0));
  const image = await (async (blob) => %s)(new Blob([bytes]));
  try {
    return btoa(Array.from(await lic.encode(image, %s), (byte) => String.fromCharCode(byte)).join(""));
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
"""
CANVAS = """(async () => {
  const bitmap = await createImageBitmap(blob);
  const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas;
})()"""
ELEMENT = """(async () => {
  const image = Object.assign(new Image(), { src: URL.createObjectURL(blob) });
  await image.decode();
  return image;
})()"""
DATA = f"({CANVAS}).then((canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height))"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[FrozenModel]:
    """The golden ones, and one with a quick look at the upper points."""
    golden = [find_model(path).load() for path in sorted(GOLDEN.glob("*.safetensors"))]
    contexts = next(model for model in golden if model.name == "golden-contexts")
    card = contexts.card | {"name": "everything", "quick_look": [0.0, 0.3, 0.3]}
    path = tmp_path_factory.mktemp("model") / "everything.safetensors"
    # It restores latents otherwise, so that its fingerprint is another one.
    more = replace(contexts, restore=contexts.restore * 1.01, card=card)
    path.write_bytes(with_extras(more).to_bytes())
    return [*golden, find_model(path).load()]


def open_page(page: Driven, path: Path, models: Iterable[FrozenModel]) -> None:
    models = [*models]
    path.write_text(f"<!doctype html><meta charset=utf-8><title>t</title>{decoder_inside([], models, models)}")
    page.open(path.as_uri())


def encoded(page: Driven, pixels: Pixels, options: str, image: str = "blob") -> bytes:
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG")
    text = page.run(ENCODED % (base64.b64encode(png.getvalue()).decode(), image, options))
    return text.encode() if ": " in text else base64.b64decode(text)


def assert_same(page: Driven, pixels: Pixels, model: FrozenModel, quality: float, image: str = "blob") -> bytes:
    made = encoded(page, pixels, f"{{ quality: {quality}, model: '{model.fingerprint.hex()}' }}", image)
    assert made == encode_picture(read_image(pixels), model, model.position(quality)), made[:200]
    return made


def test_files_have_the_bytes_of_python(page: Driven, models: list[FrozenModel], tmp_path: Path) -> None:
    open_page(page, tmp_path / "page.html", models)
    for model in models:
        for quality in (1, 25.5, 50, 73, 100):
            assert_same(page, random_pixels(75, 91), model, quality)
    everything = models[-1]
    for image in ("createImageBitmap(blob)", CANVAS, ELEMENT, DATA):
        assert_same(page, random_pixels(75, 91), everything, 60, image)
    assert_same(page, random_pixels(2100, 20), everything, 60)
    grey = np.repeat(random_pixels(40, 50)[..., 1:2], 3, axis=2)
    assert parse(assert_same(page, grey, everything, 60)).as_rgb
    dots = np.random.default_rng(0).integers(0, 256, (1, 2, 3), np.uint8)
    assert parse(assert_same(page, dots, everything, 100)).section(STORED)


def test_progress_is_told_chunk_by_chunk(tab: Tab, models: list[FrozenModel], tmp_path: Path) -> None:
    open_page(tab, tmp_path / "page.html", models[:1])
    told = tab.run("""
      const told = [];
      const image = new ImageData(new Uint8ClampedArray(4 * 20 * 2100).fill(255), 20, 2100);
      await lic.encode(image, { progress: (done) => told.push(done) });
      return told;
    """)
    assert told == pytest.approx([0, 1 / 3, 2 / 3, 1])


def transparent_pictures() -> list[Pixels]:
    """With holes, with soft edges, with one visible pixel, and without any."""
    pixels = random_pixels(75, 91)
    y, x = np.mgrid[:75, :91]
    holes = np.where((x // 30 + y // 20) % 2, 255, 0)
    edges = np.clip(8 * (np.hypot(x - 40, y - 30) - 25), 0, 255)
    dot = 99 * ((x == 70) & (y == 60))
    return [np.dstack([pixels, alpha.astype(np.uint8)]) for alpha in (holes, edges, dot, 0 * x)]


def test_transparent_pictures_have_the_latents_of_python(tab: Tab, models: list[FrozenModel], tmp_path: Path) -> None:
    open_page(tab, tmp_path / "page.html", models)
    model = models[-1]
    for pixels in transparent_pictures():
        raw = f"new ImageData(new Uint8ClampedArray({pixels.ravel().tolist()}), {pixels.shape[1]})"
        made = parse(encoded(tab, pixels, f"{{ quality: 60, model: '{model.fingerprint.hex()}' }}", raw))
        wanted = parse(encode_picture(read_image(pixels), model, model.position(60)))
        assert made.latents == wanted.latents and made.latents
        alpha = unpack_alpha(made.section(ALPHA) or b"", (91, 75), (0, 0, 91, 75))
        np.testing.assert_array_equal(np.array(alpha), pixels[..., 3])
        assert replace(made, sections=()) == replace(wanted, sections=())
    dots = np.random.default_rng(0).integers(0, 200, (1, 2, 4), np.uint8)
    raw = f"new ImageData(new Uint8ClampedArray({dots.ravel().tolist()}), 2)"
    made = encoded(tab, dots, f"{{ quality: 60, model: '{model.fingerprint.hex()}' }}", raw)
    assert made == encode_picture(read_image(dots), model, model.position(60))


@pytest.mark.slow
def test_a_photograph_by_the_default_model(tab: Tab, tmp_path: Path) -> None:
    photo = find_model("photo").load()
    open_page(tab, tmp_path / "page.html", [photo])
    pixels = skimage.data.astronaut()[:120, :160]
    for quality in (65, 95):
        assert_same(tab, pixels, photo, quality)
    assert encoded(tab, pixels, "{}") == assert_same(tab, pixels, photo, 65)


def test_without_vector_instructions_the_same(
    page: Driven, models: list[FrozenModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = viewer.engine_files()
    files["lic-simd.wasm"] = files["lic.wasm"]
    monkeypatch.setattr(viewer, "engine_files", lambda: files)
    open_page(page, tmp_path / "page.html", models)
    assert_same(page, random_pixels(75, 91), models[-1], 70)


def test_on_a_site_the_encoders_part_is_fetched_at_the_first_encoding(
    tab: Tab, models: list[FrozenModel], tmp_path: Path
) -> None:
    model = models[-1]
    for name, data in site_files([], [model]).items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "golden.lic").write_bytes(encode_picture(read_image(random_pixels(20, 20)), model, 100))
    with serving(tmp_path) as site:
        site.headers |= {
            "Content-Security-Policy": STRICT.replace("default-src", "img-src blob:; default-src")
        } | ISOLATED
        tab.open(site.page("<lic-img src='golden.lic'></lic-img>", module="import './lic.js'; window.ready = true;"))
        tab.wait_for("window.ready && document.querySelector('lic-img').complete")
        assert not any(path.endswith(".licencoder") for path in site.asked)
        for pixels in (random_pixels(75, 91), random_pixels(60, 44)):
            assert_same(tab, pixels, model, 70)
    assert sum(path.endswith(".licencoder") for path in site.asked) == 1


def test_what_cannot_be_encoded_is_said(tab: Tab, models: list[FrozenModel], tmp_path: Path) -> None:
    open_page(tab, tmp_path / "page.html", models)
    pixels, model = random_pixels(20, 20), f"model: '{models[0].fingerprint.hex()}'"
    assert encoded(tab, pixels, "{}").startswith(b"ModelNotFound: which model")
    assert encoded(tab, pixels, "{ model: '00000000' }").startswith(b"ModelNotFound")
    assert b"from 1 to 100" in encoded(tab, pixels, f"{{ quality: 0, {model} }}")
    assert encoded(tab, pixels, f"{{ {model} }}", "new Blob(['x'])").startswith(b"BadImage")
    assert encoded(tab, pixels, f"{{ {model}, signal: AbortSignal.abort() }}").startswith(b"AbortError")
