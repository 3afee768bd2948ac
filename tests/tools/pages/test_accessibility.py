"""axe-core, which npm gets, finds nothing serious in the pages, in both themes, on a phone and on a desk."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lic import encode
from lic.tools.course.chapters import COURSE
from lic.tools.course.gallery import FIGURES
from lic.tools.course.theory_page import Illustration, theory_page
from lic.tools.evaluation.versions import Version
from lic.tools.files import png
from lic.tools.pages.slider import slider_page
from lic.tools.pages.trial import trial_page
from lic.tools.pages.viewer import Picture, models_of, picture_of, viewer_page
from tests.conftest import Pixels
from tests.tools.browser.chromium import Tab

pytestmark = pytest.mark.slow
FOUND = """
  const { violations } = await axe.run();
  return violations
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
"""


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("axe")
    if not npm:
        pytest.skip("npm is not installed")
    if subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "axe-core"], cwd=folder, capture_output=True
    ).returncode:
        pytest.skip("npm cannot install axe-core")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(
    params=["viewer", "empty viewer", "compare", "own comparison", "filled own comparison", "report", "theory"]
)
def opened(
    request: pytest.FixtureRequest,
    photo: Pixels,
    versions: list[Version],
    tiny_model_path: Path,
    tab: Tab,
    tmp_path: Path,
) -> Tab:
    ready = "document.readyState === 'complete'"
    match request.param:
        case "viewer":
            pictures = [picture_of(f"{i}.lic", encode(photo, quality=60, model="tiny")) for i in range(2)]
            text, ready = viewer_page(pictures, models_of(pictures)), "document.title.startsWith('0.lic')"
        case "empty viewer":
            text = viewer_page([], [])
        case "compare":
            text = slider_page("photo.png", photo, versions, 1600)
        case "own comparison":
            text = trial_page([], [])
        case "filled own comparison":
            file = picture_of("photo.lic", encode(photo, quality=90, model="tiny"))
            text = trial_page([Picture("photo.png", png(photo), None), file], models_of([file]))
            ready = "document.title.startsWith('photo.png: ')"
        case "report":
            text = request.getfixturevalue("report").read_text(encoding="utf-8")
        case _:
            text = theory_page(COURSE, {name: Illustration(png(photo), name) for name in FIGURES})
    (tmp_path / "page.html").write_bytes(text.encode())
    tab.open((tmp_path / "page.html").as_uri())
    tab.wait_for(ready)
    return tab


def test_axe_finds_nothing_serious(opened: Tab, axe: str, tmp_path: Path) -> None:
    opened.run(f"{axe}; globalThis.axe ??= axe;")
    found = {}
    for width, height in ((1280, 800), (390, 844)):
        for dark in (False, True):
            opened.screenshot(tmp_path / "page.png", width, height, dark)
            found[width, dark] = opened.run(FOUND)
    opened.call("Emulation.clearDeviceMetricsOverride")
    assert not any(found.values()), json.dumps([*found.values()], indent=1)
