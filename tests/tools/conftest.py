"""Results to plot, versions to compare, what a tiny training needs, and the browsers that are installed."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from lic.tools.cli import main
from lic.tools.evaluation.codecs import get_codec
from lic.tools.evaluation.results import CodecInfo, Measurement, Results, save_results
from lic.tools.evaluation.versions import Version, make_versions
from lic.tools.training.choices import TrainConfig
from tests.conftest import Pixels
from tests.tools.browser.chromium import BROWSERS, Tab, chromium
from tests.tools.browser.webdriver import MINI_BROWSER, Page, firefox, webkit

FIREFOX = ("firefox-esr", "firefox")
SLOW = ("firefox", "webkit")  # pages are the same in all three: by default tests use one
WEBKIT = ("WebKitWebDriver", "Xvfb", MINI_BROWSER)


@pytest.fixture(scope="session")
def browser() -> str:
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    pytest.skip(f"no browser is installed (looked for {', '.join(BROWSERS)})")


@pytest.fixture(scope="session")
def tab(browser: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A page of a browser that runs as long as the tests."""
    if os.name == "nt":
        pytest.skip("the browser is driven over two pipes, which bash sets up")
    with chromium(browser, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture(scope="session", params=["chromium", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab | Page]:
    """A page of each of the three engines in turn, which runs as long as their tests."""
    if request.param == "chromium":
        yield request.getfixturevalue("tab")
    elif os.name == "nt":
        pytest.skip("the browsers are driven by POSIX means")
    elif request.param == "firefox":
        program = next(filter(None, map(shutil.which, FIREFOX)), None)
        if not program:
            pytest.skip("Firefox is not installed (Debian: firefox-esr)")
        with firefox(program, tmp_path_factory.mktemp("firefox")) as page:
            yield page
    else:
        missing = [name for name in WEBKIT if not shutil.which(name)]
        if missing:
            pytest.skip(f"WebKit is not installed: {', '.join(missing)} (Debian: webkit2gtk-driver, xvfb)")
        with webkit(WEBKIT[0], tmp_path_factory.mktemp("webkit")) as page:
            yield page


@pytest.fixture(scope="session")
def pictures(photo: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(photo).save(folder / "photo.png")
    return folder


@pytest.fixture
def config(pictures: Path, tmp_path: Path) -> TrainConfig:
    return TrainConfig(
        data=(str(pictures),), output=str(tmp_path / "run"), steps=3, crop=32, batch=4, device="cpu", warmup=5
    )


@pytest.fixture(scope="session")
def versions(photo: Pixels, tiny_model_path: Path) -> list[Version]:
    chosen = [get_codec(name, str(tiny_model_path)) for name in ("lic", "jpeg", "jpeg2000", "webp")]
    return make_versions(photo, chosen, 1600)


@pytest.fixture(scope="session")
def report(photo: Pixels, tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of `lic report` on two pictures, with two codecs to compare with."""
    pytest.importorskip("matplotlib", reason="needs the extra `plot`")
    folder = tmp_path_factory.mktemp("report")
    Image.fromarray(photo[:180, :200]).save(folder / "b.png")
    Image.fromarray(photo[:170, 60:261]).save(folder / "a.png")
    output, codecs = folder / "report.html", ["--codecs", "jpeg", "webp"]
    assert main(["report", str(tiny_model_path), str(folder), "-o", str(output), *codecs, "-j", "1"]) == 0
    return output


@pytest.fixture(scope="session")
def results_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two codecs on two pictures; lic needs half of jpeg's rate, and JPEG's curve goes on for longer."""
    rows = []
    for picture, hardness in (("easy.png", 1.0), ("hard.png", 2.0)):
        for codec, scale, settings in (("jpeg", 0.2, range(7)), ("lic", 0.1, range(5))):
            for k in settings:
                bpp, psnr = hardness * scale * 2**k, 28.0 + 2.5 * k
                scores = (psnr, psnr, psnr, 0.9, 1 - 0.1 / (k + 1))
                rows.append(Measurement(picture, 64, 64, codec, k, round(bpp * 512), bpp, *scores))
    infos = {"jpeg": CodecInfo("JPEG 4:2:0", "1", "x"), "lic": CodecInfo("lic (photo)", "2", "y")}
    path = tmp_path_factory.mktemp("results") / "results.json"
    save_results(path, Results(tuple(rows), infos, "Kodak: all 24 pictures, it is claimed", "a machine"))
    return path
