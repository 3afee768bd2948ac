"""`serve()`: .lic files in <img> and CSS, with the service worker and where it does not control the page."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from lic import encode
from lic.codec.file.container import Section, build, parse
from lic.tools.pages.viewer import models_of, picture_of, site_files
from tests.conftest import Pixels
from tests.tools.browser.chromium import Tab
from tests.tools.browser.site import Site, serving
from tests.tools.browser.webdriver import Page

Driven = Tab | Page
POLICY = "default-src 'self'; img-src 'self' blob:; script-src 'self' 'wasm-unsafe-eval'; style-src 'unsafe-inline'"


@pytest.fixture
def site(photo: Pixels, tiny_model_path: Path, tmp_path: Path) -> Iterator[Site]:
    """Each test has a site of its own, of which the browser knows nothing yet."""
    exif = Image.Exif()
    exif[0x0112] = 6
    file = parse(encode(photo, quality=60, model="tiny"))
    turned = build(replace(file, sections=(*file.sections, Section(b"e", exif.tobytes()))))
    pictures = [picture_of("photo.lic", build(file)), picture_of("turned.lic", turned)]
    (tmp_path / "site").mkdir()
    for name, data in site_files(pictures, models_of(pictures)).items():
        (tmp_path / "site" / name).write_bytes(data)
    (tmp_path / "site" / "damaged.lic").write_bytes(build(file)[:-1])
    with serving(tmp_path) as site:
        site.folder = tmp_path / "site"
        site.address += "site/"
        site.headers["Content-Security-Policy"] = POLICY
        yield site


SERVES = "import { serve } from '/site/lic.js'; window.controls = serve(OPTIONS);"
ALL = """
  <img src="photo.lic?v=1" alt="">
  <img srcset="photo.lic 1x, photo.lic?double 2x" alt="">
  <picture><source srcset="photo.lic?source"><img src="missing.png" alt=""></picture>
  <div id="inline" style="background: url(photo.lic?inline)">.</div>
  <div id="sheet">.</div>
"""
SHEET = "<style>@media all { #sheet { background-image: url('photo.lic?sheet') } }</style>"
SIZES = "Array.from(document.images, (image) => image.complete && image.naturalWidth)"
BACKGROUNDS = "['inline', 'sheet'].map((id) => getComputedStyle(document.getElementById(id)).backgroundImage)"

# Whether the browser shows the backgrounds: their addresses are those of pictures.
LOADS = f"""
  const sizes = [];
  for (const value of {BACKGROUNDS}) {{
    const image = new Image();
    image.src = /url\\("(.*)"\\)/.exec(value)[1];
    await image.decode();
    sizes.push(image.naturalWidth);
  }}
  return sizes;
"""


def assert_all_are_shown(page: Driven) -> None:
    page.wait_for(f"{SIZES}.filter(Boolean).length >= 3")
    width, double, source = page.run(f"return {SIZES};")
    assert (width, source) == (261, 261)
    assert double in (261, 130)  # as the screen has one or two pixels for each of CSS


def test_on_the_first_visit_pictures_are_decoded_by_the_page(site: Site, page: Driven) -> None:
    page.open(site.page(ALL, head=SHEET, module=SERVES.replace("OPTIONS", "")))
    assert_all_are_shown(page)
    page.wait_for(f"{BACKGROUNDS}.every((value) => value.includes('blob:'))")
    assert page.run(LOADS) == [261, 261]
    page.run("document.images[0].src = 'turned.lic';")
    page.wait_for(f"{SIZES}[0] === 203")


def test_later_the_service_worker_answers(site: Site, page: Driven) -> None:
    page.open(site.page("", module=SERVES.replace("OPTIONS", "")))
    page.wait_for("window.controls")
    page.run("await controls; await navigator.serviceWorker.ready;")
    page.wait_for("navigator.serviceWorker.controller")
    page.open(site.page(ALL, head=SHEET, module=SERVES.replace("OPTIONS", "")))
    page.wait_for("window.controls")
    assert page.run("return await controls;") is True
    assert_all_are_shown(page)
    assert not any("blob:" in value for value in page.run(f"return {BACKGROUNDS};"))
    assert page.run(LOADS) == [261, 261]
    answer = """
      const image = Object.assign(new Image(), { src: "damaged.lic" });
      const said = await image.decode().then(() => "shown", () => "broken");
      const turned = Object.assign(new Image(), { src: "turned.lic" });
      await turned.decode();
      return [said, turned.naturalWidth, turned.naturalHeight];
    """
    assert page.run(answer) == ["broken", 203, 261]  # the right way up, whatever the browser thinks of EXIF


def test_a_wider_scope_if_the_server_allows_it(site: Site, page: Driven) -> None:
    site.headers["Service-Worker-Allowed"] = "/"
    page.open(site.page("", module=SERVES.replace("OPTIONS", "{ scope: '/' }")))
    page.wait_for("window.controls")
    scope = page.run("await controls; return (await navigator.serviceWorker.getRegistration('/elsewhere/')).scope;")
    assert scope == site.address.removesuffix("site/")


def test_a_page_out_of_its_scope_shows_them_all_the_same(site: Site, page: Driven) -> None:
    page.open(site.page(""))
    above = site.folder.parent / "above.html"
    above.write_text(
        '<!doctype html><title>t</title><img src="site/photo.lic" alt=""><script type="module" src="above.js"></script>'
    )
    (above.parent / "above.js").write_text(SERVES.replace("OPTIONS", ""))
    page.open(f"{site.address.removesuffix('site/')}above.html")
    page.wait_for("window.controls")
    page.wait_for(f"{SIZES}[0] === 261")
    assert page.run("return await controls;") is False


def test_the_example_shows_both_under_the_policy_of_the_readme(site: Site, page: Driven) -> None:
    site.headers["Content-Security-Policy"] = POLICY.removesuffix("; style-src 'unsafe-inline'")
    page.open(f"{site.address}example.html")
    page.wait_for(f"{SIZES}.every((width) => width === 261 || width === 203)")
    assert page.run("""
      const images = [...document.querySelectorAll("lic-img")];
      await Promise.all(images.map((image) => image.decode()));
      return images.map((image) => image.naturalWidth);
    """) == [261, 203]
    assert page.run("return getComputedStyle(document.body).maxWidth;") == "960px"  # its style is applied
