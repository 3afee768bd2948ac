"""The page of the theory, as a browser shows it."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lic.tools.course.chapters import COURSE
from lic.tools.course.figure_context import Drawing
from lic.tools.course.gallery import FIGURES, TRAINED, darken, plain
from lic.tools.course.prebuilt_figures import Illustration, prebuilt
from lic.tools.course.theory_page import theory_page
from lic.tools.files import png
from tests.tools.browser.chromium import Tab


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    grey = png(np.full((90, 160, 3), 128, np.uint8))
    figures = {name: Illustration(grey, f"The caption of {name}.") for c in COURSE for name in c.figures}
    path = tmp_path_factory.mktemp("theory") / "index.html"
    path.write_text(theory_page(COURSE, figures), encoding="utf-8")
    return path


def test_every_figure_has_its_chapter_and_every_chapter_statements_a_derivation_and_code() -> None:
    shown = [name for chapter in COURSE for name in chapter.figures]
    assert sorted(shown) == sorted(FIGURES)
    assert all(chapter.derivation and chapter.code and chapter.statements for chapter in COURSE)


def test_the_page_is_there_before_its_figures() -> None:
    text = theory_page(COURSE, {})
    assert text.count("is not drawn yet") == len(FIGURES) and "<img" not in text
    assert text.count("<h3>Derivation</h3>") == len(COURSE)


def test_figures_that_need_a_training_are_kept() -> None:
    kept = prebuilt()
    assert set(kept) == set(TRAINED)
    for picture, caption, dark in kept.values():
        for file, (least, most) in ((picture, (240, 255)), (dark or b"", (20, 50))):
            assert file[8:12] == b"WEBP" and len(file) < 300_000 and caption
            paper = np.array(Image.open(io.BytesIO(file)).convert("L"))[-4:]  # below the pictures
            assert least <= np.median(paper) <= most


def test_figures_of_photographs_are_dark_on_dark_pages(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(theory_page(COURSE, prebuilt()), encoding="utf-8")
    tab.open(path.as_uri())
    for dark in (False, True):
        tab.screenshot(tmp_path / "page.png", dark=dark)
        sources = tab.run("return Array.from(document.querySelectorAll('figure img'), (i) => i.currentSrc === i.src);")
        assert sources == [not dark] * len(TRAINED)


def test_a_figure_is_darkened_but_for_its_pictures() -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(2, 1))
    axes = figure.subplots()
    axes.imshow(np.full((4, 4, 3), 230, np.uint8))
    axes.set_title("white")
    drawing = Drawing(figure, "", "")
    light = np.array(Image.open(io.BytesIO(plain(drawing))).convert("L"))
    darken(drawing)
    dark = np.array(Image.open(io.BytesIO(plain(drawing))).convert("L"))
    assert (light[:, 0] == 255).all() and (dark[:, 0] < 50).all()
    assert light.min() < 50 and dark.max() > 200
    assert ((light == dark) & (light == 230)).mean() > 0.05  # the picture


def test_the_page_is_one_file_whose_links_stay_inside(page_path: Path) -> None:
    text = page_path.read_text(encoding="utf-8")
    targets = set(re.findall(r'\bid="([^"]+)"', text))
    links = [link for link in re.findall(r'\bhref="([^"]+)"', text) if not link.startswith("data:")]
    assert len(targets) == len(re.findall(r'\bid="', text))  # each once
    assert links and all(link[0] == "#" and link[1:] in targets for link in links)
    assert not re.search(r'\bsrc="(?!data:)', text)
    for chapter in COURSE:
        assert f"{chapter.title}</h2>" in text


def test_equations_are_typeset_and_nothing_is_wider_than_a_phone(page_path: Path, tab: Tab) -> None:
    tab.open(page_path.as_uri())
    fractions, dropped, pictures, beside, wide = tab.run("""
      const said = [];
      const heights = (selector) => [...document.querySelectorAll(selector)].map((e) => e.getBoundingClientRect());
      said.push(heights("mfrac:not(msubsup mfrac)").every((box) => box.height > 18) && heights("mfrac").length);
      const sub = document.querySelector("msub"), [base, index] = sub.children;
      said.push(index.getBoundingClientRect().bottom > base.getBoundingClientRect().bottom);
      said.push(heights("figure img").every((box) => box.width > 100));
      const [left, right] = document.querySelector(".pair").children;
      const apart = () => right.getBoundingClientRect().left >= left.getBoundingClientRect().right;
      said.push(apart() || innerWidth < 900);
      document.documentElement.style.width = "360px";
      document.body.style.width = "360px";
      const wide = [...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > 361
        && !e.closest(".equations, pre"));
      said.push(wide.map((e) => e.outerHTML.slice(0, 80)));
      return said;
    """)
    assert fractions > 15
    assert dropped and pictures and beside
    assert wide == []
