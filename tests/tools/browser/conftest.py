"""The engines that pages are tested in."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.tools.browser.chromium import Tab
from tests.tools.browser.webdriver import MINI_BROWSER, Page, firefox, webkit

FIREFOX = ("firefox-esr", "firefox")
WEBKIT = ("WebKitWebDriver", "Xvfb", MINI_BROWSER)


@pytest.fixture(scope="session", params=["chromium", "firefox", "webkit"])
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
