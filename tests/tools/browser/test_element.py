"""The element <lic-img> beside <img>, in three engines."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from lic import decode, encode
from lic.codec.model.catalogue import MODELS_VARIABLE
from lic.codec.model.frozen import FrozenModel
from lic.tools.pages.server import ISOLATED
from lic.tools.pages.viewer import models_of, picture_of, site_files
from tests.codec.transform.random_models import with_extras
from tests.conftest import Pixels
from tests.tools.browser.chromium import Tab
from tests.tools.browser.site import STRICT, Site, serving
from tests.tools.browser.webdriver import Page

Driven = Tab | Page
WIDTH, HEIGHT = 261, 203


@pytest.fixture(scope="module")
def site(photo: Pixels, tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    small = encode(np.array(Image.fromarray(photo).resize((130, 101))), quality=60, model="tiny")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    coloured = io.BytesIO()
    Image.fromarray(photo[:64, :64]).save(coloured, "PNG", icc_profile=profile)
    made = {
        "pho to&.lic": encode(photo, quality=60, model="tiny"),
        "small.lic": small,
        "coloured.lic": encode(Image.open(coloured), quality=60, model="tiny"),
    }
    pictures = [picture_of(name, data) for name, data in made.items()]
    for name, data in site_files(pictures, models_of(pictures)).items():
        (folder / name).write_bytes(data)
    (folder / "damaged.lic").write_bytes(small[:-1])
    Image.fromarray(photo).save(folder / "fallback.jpg")
    with serving(folder) as site:
        yield site


@pytest.fixture(autouse=True)
def forgotten(site: Site) -> None:
    site.headers.clear()
    site.asked.clear()


IMPORTS = "import * as lic from './lic.js'; window.module = lic; "
FIRST = "document.querySelector('lic-img')"


def shown(page: Driven, element: str = FIRST) -> np.ndarray:
    """The pixels of an element's canvas."""
    encoded, width, height = page.run(f"""
      const canvas = {element}.shadowRoot.querySelector("canvas");
      const context = canvas.getContext("2d");
      const {{ data }} = context.getImageData(0, 0, canvas.width, canvas.height, {{ colorSpace: "srgb" }});
      return [btoa(Array.from(data, (value) => String.fromCharCode(value)).join("")), canvas.width, canvas.height];
    """)
    return np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(height, width, 4)[..., :3].astype(int)


def test_an_isolated_page_decodes_by_several_threads(site: Site, page: Driven) -> None:
    site.headers |= {"Content-Security-Policy": STRICT} | ISOLATED
    page.open(site.page("<lic-img src='pho to&.lic'></lic-img>", module=f"{IMPORTS} lic.configure({{ keep: 0 }});"))
    page.wait_for("window.module")
    assert page.run("return crossOriginIsolated;")
    page.run(f"await {FIRST}.decode();")
    assert np.abs(shown(page) - np.array(decode(site.folder / "pho to&.lic")).astype(int)).max() == 0
    asked = [path for path in site.asked if path.endswith(".wasm")]
    assert asked[0] == "/lic-threads.wasm"
    if not page.run("return / Version[/].* Safari/.test(navigator.userAgent);"):  # WebKitGTK falls back to one thread
        assert asked[1:] == []


def test_it_shows_the_picture_under_a_strict_policy(site: Site, page: Driven) -> None:
    site.headers["Content-Security-Policy"] = STRICT
    page.open(site.page("<lic-img src='pho to&.lic' alt='a cup'></lic-img>", module=IMPORTS))
    page.wait_for("window.module")
    page.run(f"await {FIRST}.decode();")
    wanted = np.array(decode(site.folder / "pho to&.lic")).astype(int)
    assert np.abs(shown(page) - wanted).max() <= 1
    state = "const image = document.querySelector('lic-img'); "
    assert page.run(f"{state} return [image.complete, image.naturalWidth, image.naturalHeight];") == [True, 261, 203]
    assert page.run(f"{state} return [image.offsetWidth, image.offsetHeight];") == [WIDTH, HEIGHT]
    canvas = f"{state} const canvas = image.shadowRoot.querySelector('canvas'); "
    labels = "return ['role', 'aria-label'].map((name) => canvas.getAttribute(name));"
    assert page.run(canvas + labels) == ["img", "a cup"]
    assert page.run(f"{canvas} image.alt = ''; {labels}") == ["presentation", None]


def test_the_decoder_and_the_model_are_fetched_at_once(site: Site, page: Driven) -> None:
    page.open(site.page("<lic-img></lic-img>", module=IMPORTS))
    page.wait_for("window.module")
    page.run(f"await caches.delete('lic-pictures-1'); {FIRST}.src = 'small.lic'; await {FIRST}.decode();")
    engine_starts, model_ends = page.run("""
      const fetched = (suffix) => performance.getEntriesByType("resource").find(({ name }) => name.endsWith(suffix));
      return [fetched(".wasm").startTime, fetched(".licmodel").responseEnd];
    """)
    assert engine_starts <= model_ends


def test_importing_it_twice_does_no_harm(site: Site, page: Driven) -> None:
    page.open(site.page("<lic-img src='small.lic'></lic-img>", module=f"import './lic.js?again'; {IMPORTS}"))
    page.wait_for("window.module")
    assert page.run(f"await {FIRST}.decode(); return {FIRST}.naturalWidth;") == 130


# What an element and an <img> of the same size do under a style.
LAYOUTS = """
  const style = document.createElement("style");
  style.textContent = ".it { STYLE }";
  document.head.append(style);
  const box = document.createElement("div");
  box.style.width = "200px";
  document.body.append(box);
  const measured = [];
  for (const [name, src] of [["lic-img", "pho%20to&.lic"], ["img", "fallback.jpg"]]) {
    const image = document.createElement(name);
    for (const [key, value] of Object.entries(ATTRIBUTES)) image.setAttribute(key, value);
    image.src = src;
    image.className = "it";
    box.replaceChildren(image);
    const early = image.getBoundingClientRect();
    await image.decode();
    const late = image.getBoundingClientRect();
    measured.push([late.width, late.height].map(Math.round), [early.width, early.height].map(Math.round));
  }
  style.remove();
  return measured;
"""


@pytest.mark.parametrize(
    ("style", "attributes", "is_reserved"),
    [
        ("", {}, False),
        ("max-width: 100%; height: auto", {"width": 522, "height": 406}, True),
        ("width: 100%", {}, False),
        ("height: 100px", {}, False),
        ("width: 90px; height: 90px; object-fit: cover", {}, True),
        ("width: 100%; aspect-ratio: 1; object-fit: contain", {}, True),
        ("height: auto", {"width": 130}, False),
    ],
)
def test_it_is_laid_out_as_an_img(
    site: Site, page: Driven, style: str, attributes: dict[str, int], is_reserved: bool
) -> None:
    page.open(site.page("", module=IMPORTS))
    page.wait_for("window.module")
    style = style or "max-width: 100%"
    late, early, img_late, _ = page.run(LAYOUTS.replace("STYLE", style).replace("ATTRIBUTES", str(attributes)))
    assert late == img_late
    if is_reserved:
        assert early == late


def test_the_canvas_fills_the_element(site: Site, page: Driven) -> None:
    head = "<style>lic-img { width: 150px; aspect-ratio: 1; object-fit: cover; border-radius: 20px }</style>"
    page.open(site.page("<lic-img src='small.lic'></lic-img>", head=head, module=IMPORTS))
    page.wait_for("window.module")
    found = page.run(f"""
      const image = {FIRST};
      await image.decode();
      const canvas = image.shadowRoot.querySelector("canvas");
      const {{ objectFit, borderTopLeftRadius }} = getComputedStyle(canvas);
      const {{ width, height }} = canvas.getBoundingClientRect();
      return [width, height, objectFit, borderTopLeftRadius];
    """)
    assert found == [150, 150, "cover", "20px"]


EVENTS = """
  const image = document.createElement("lic-img");
  const said = [];
  for (const type of ["progress", "load", "error"]) image.addEventListener(type, (event) => {
    if (said.at(-1) !== type) said.push(type);
    if (type === "error") said.push(event.message);
  });
  const ended = new Promise((done) => ["load", "error"].forEach((type) => image.addEventListener(type, done)));
  image.src = SOURCE;
  image.alt = "a cup";
  document.body.append(image);
  await ended;
  said.push(image.complete, image.naturalWidth, await image.decode().catch((error) => error.name));
  const text = image.shadowRoot.querySelector("span");
  said.push(text.checkVisibility() && text.textContent);
  return said;
"""


def test_it_says_how_it_went_and_shows_alt_instead(site: Site, page: Driven) -> None:
    page.open(site.page("", module=IMPORTS))
    page.wait_for("window.module")
    page.run("await caches.delete('lic-pictures-1');")
    assert page.run(EVENTS.replace("SOURCE", "'small.lic'")) == ["progress", "load", True, 130, None, False]
    said = page.run(EVENTS.replace("SOURCE", "'damaged.lic'"))
    assert said[0] == "error" and said[1].startswith("the file ends at byte")
    assert said[2:] == [True, 0, "EncodingError", "a cup"]
    said = page.run(EVENTS.replace("SOURCE", "'missing.lic'"))
    assert said[0] == "error" and "404" in said[1]


# Whether the bar of progress is there while a preview is shown, and the element's height.
METER = """
  const image = document.createElement("lic-img");
  image.src = "large.lic?again";
  const seen = new Promise((done) => image.addEventListener("preview", () => {
    const meter = image.shadowRoot.querySelector("progress");
    done([meter.part.value, meter.checkVisibility(), image.offsetHeight]);
  }));
  await caches.delete("lic-pictures-1");
  document.body.replaceChildren(image);
  return seen;
"""


def test_large_pictures_are_shown_small_first_in_their_place(
    page: Driven, photo: Pixels, tiny_model: FrozenModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "previews.safetensors").write_bytes(with_extras(tiny_model).to_bytes())
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    large = picture_of("large.lic", encode(Image.fromarray(photo).resize((601, 500)), quality=60, model="tiny"))
    for name, data in site_files([large], models_of([large])).items():
        (tmp_path / name).write_bytes(data)
    with serving(tmp_path) as site:
        page.open(site.page("", module=IMPORTS))
        page.wait_for("window.module")
        script = EVENTS.replace("SOURCE", "'large.lic'").replace('"progress"', '"preview"')
        found = page.run(script.replace("said.push(type);", "said.push(type, image.naturalWidth, image.offsetHeight);"))
        meter = page.run(METER)
    assert found[:7] == ["preview", 601, 500, "load", 601, 500, True]
    assert meter == ["progress", True, 500]


def test_its_children_are_shown_until_it_is_decoded_and_if_it_cannot_be(site: Site, page: Driven) -> None:
    body = "".join(
        f"<lic-img src='{name}.lic'><img src='fallback.jpg' alt='a cup' width='50'></lic-img>"
        for name in ("small", "damaged")
    )
    page.open(site.page(body, module=IMPORTS))
    visible = "Array.from(document.images, (image) => image.checkVisibility())"
    page.wait_for("window.module && [...document.querySelectorAll('lic-img')].every((image) => image.complete)")
    assert page.run(f"return {visible};") == [False, True]
    # In one script: a second one may come after the picture.
    assert page.run(f"document.querySelectorAll('lic-img')[1].src = 'small.lic'; return {visible};") == [False, True]
    page.run("await document.querySelectorAll('lic-img')[1].decode();")
    assert page.run(f"return {visible};") == [False, False]


# Whether there is a bar of progress as soon as an element loads, without children and with a child.
BARS = """
  const images = ["", "<img alt=''>"].map((children) => {
    const image = document.createElement("lic-img");
    image.innerHTML = children;
    image.src = "small.lic";
    document.body.append(image);
    return image;
  });
  await null; // both have begun to load
  return images.map((image) => image.shadowRoot.querySelector("progress").checkVisibility());
"""


def test_no_bar_of_progress_is_shown_where_there_are_children(site: Site, page: Driven) -> None:
    page.open(site.page("", module=IMPORTS))
    page.wait_for("window.module")
    assert page.run(BARS) == [True, False]


def test_lazy_pictures_are_fetched_when_they_are_near(site: Site, page: Driven) -> None:
    body = "<div style='height: 9000px'></div><lic-img src='small.lic?lazy' loading='lazy'></lic-img>"
    page.open(site.page(body, module=IMPORTS))
    page.wait_for("window.module")
    page.run("await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));")
    assert "/small.lic?lazy" not in site.asked
    page.run(f"scrollTo(0, 9000); await {FIRST}.decode();")
    assert "/small.lic?lazy" in site.asked


def test_idle_pictures_are_fetched_after_all_else_has_been(site: Site, page: Driven) -> None:
    pictures = "<lic-img src='small.lic' loading=idle></lic-img><img src='fallback.jpg'>"
    page.open(site.page(pictures, module=f"{IMPORTS} lic.configure({{ keep: 0 }});"))
    page.wait_for("window.module")
    page.run(f"await {FIRST}.decode();")
    loaded, fetched = page.run("""
      const [{ loadEventStart }] = performance.getEntriesByType("navigation");
      const { startTime } = performance.getEntriesByType("resource").find(({ name }) => name.endsWith("small.lic"));
      return [loadEventStart, startTime];
    """)
    assert 0 < loaded <= fetched


def test_what_is_dragged_is_a_png_file_of_the_pictures_name(site: Site, page: Driven) -> None:
    page.open(site.page("<lic-img src='pho to&.lic'></lic-img>", module=IMPORTS))
    page.wait_for("window.module")
    page.run(f"await {FIRST}.decode();")
    download, address = page.run(f"""
      const dataTransfer = new DataTransfer();
      {FIRST}.shadowRoot.querySelector("canvas").dispatchEvent(new DragEvent("dragstart", {{ dataTransfer }}));
      return ["DownloadURL", "text/uri-list"].map((kind) => dataTransfer.getData(kind));
    """)
    assert download.startswith("image/png:pho to&.png:data:image/png;base64,")
    assert address == f"{site.address}pho%20to&.lic"


@pytest.mark.parametrize(
    ("srcset", "sizes", "wanted"),
    [
        ("small.lic 1x, pho%20to&.lic 8x", "", "pho%20to&.lic"),
        ("small.lic 130w, pho%20to&.lic 261w", "(max-width: 10px) 500px, 100px", "small.lic"),
        ("small.lic 130w, pho%20to&.lic 261w", "(min-width: 10px) calc(100px + 100px)", "pho%20to&.lic"),
    ],
)
def test_srcset_and_sizes(site: Site, page: Driven, srcset: str, sizes: str, wanted: str) -> None:
    page.open(site.page("", module=IMPORTS))
    page.wait_for("window.module")
    scale = page.run("return devicePixelRatio;")
    srcset = srcset.replace("1x", f"{scale / 2}x").replace("8x", f"{scale}x")
    chosen, width = page.run(f"""
      const image = Object.assign(document.createElement("lic-img"), {{ srcset: {srcset!r}, sizes: {sizes!r} }});
      document.body.append(image);
      await image.decode();
      return [image.currentSrc, image.offsetWidth];
    """)
    assert chosen.endswith(wanted)
    if sizes:
        assert width == pytest.approx(200 if "calc" in sizes else 100, abs=1)


def test_colours_of_a_profile_are_not_clipped_where_the_browser_can_show_them(site: Site, page: Driven) -> None:
    page.open(site.page("<lic-img src='coloured.lic'></lic-img>", module=IMPORTS))
    page.wait_for("window.module")
    page.run(f"await {FIRST}.decode();")
    wanted = np.array(decode(site.folder / "coloured.lic")).astype(int)
    assert np.abs(shown(page) - wanted).mean() < 1.5  # an sRGB profile: the same colours
    spaces = page.run(f"""
      const wide = {{ colorSpace: "display-p3" }};
      const space = (canvas) => canvas.getContext("2d", wide).getContextAttributes().colorSpace;
      return [space({FIRST}.shadowRoot.querySelector("canvas")), space(document.createElement("canvas"))];
    """)
    assert spaces[0] == spaces[1]


def test_decoded_pictures_are_kept(site: Site, page: Driven) -> None:
    address = site.page("<lic-img loading='idle'></lic-img>", module=IMPORTS)
    page.open(address)
    page.wait_for("window.module")
    page.run(f"await caches.delete('lic-pictures-1'); {FIRST}.src = 'small.lic'; await {FIRST}.decode();")
    page.run("""
      const cache = await caches.open("lic-pictures-1");
      while (!(await cache.keys()).length) await new Promise((done) => setTimeout(done, 50));
    """)
    first = shown(page)
    site.asked.clear()
    page.open(f"{address}?again")
    page.wait_for("window.module")
    page.run(f"{FIRST}.src = 'small.lic'; await {FIRST}.decode();")
    assert "/lic-decoder.js" not in site.asked
    assert np.array_equal(shown(page), first)


def call(page: Driven, script: str) -> Any:
    prepared = (
        "const bytes = new Uint8Array(await (await fetch('pho%20to&.lic')).arrayBuffer()); const { decode } = module; "
    )
    return page.run(prepared + script)


def test_decoding_for_scripts_can_be_stopped_and_hurried(site: Site, page: Driven) -> None:
    page.open(
        site.page("", module="import * as lic from './lic.js'; lic.configure({ workers: 1 }); window.module = lic;")
    )
    page.wait_for("window.module")
    assert call(page, "const { width, height, data } = await decode(bytes); return [width, height, data.length];") == [
        *(WIDTH, HEIGHT),
        4 * WIDTH * HEIGHT,
    ]
    order = call(
        page,
        """
      const order = [];
      const run = (name, urgency) => decode(bytes, { urgency: () => urgency }).then(() => order.push(name));
      await Promise.all([run("first", 0), run("waits", 0), run("hurries", 1)]);
      return order;
    """,
    )
    assert order == ["first", "hurries", "waits"]
    stopped = call(
        page,
        """
      const [running, waiting] = [new AbortController(), new AbortController()];
      const ends = [running, waiting].map(({ signal }) => decode(bytes, { signal }).catch((error) => error.name));
      const last = decode(bytes);
      waiting.abort();
      running.abort();
      return [...(await Promise.all(ends)), (await last).width];
    """,
    )
    assert stopped == ["AbortError", "AbortError", WIDTH]


def test_a_missing_decoder_is_explained(site: Site, page: Driven) -> None:
    page.open(
        site.page(
            "", module="import * as lic from './lic.js'; lic.configure({ base: '/nowhere/' }); window.module = lic;"
        )
    )
    page.wait_for("window.module")
    said = call(page, "return await decode(bytes).then(() => 'decodes', (error) => error.message);")
    assert "is lic-decoder.js beside lic.js?" in said
    assert "no setting" in page.run("try { module.configure({ bas: '/' }); } catch (error) { return error.message; }")
