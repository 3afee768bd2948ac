"""The server of `lic view`."""

import base64
import http.client
from pathlib import Path

import numpy as np
import pytest

from lic import decode, encode
from lic.codec.model.catalogue import MODELS_VARIABLE, find_model
from lic.tools.pages.server import make_server, serve
from lic.tools.pages.viewer import read_pictures
from tests.conftest import Pixels
from tests.tools.browser.chromium import Tab
from tests.tools.browser.site import running


@pytest.fixture(scope="module")
def lic_file(photo: Pixels, tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "pho to&.lic"
    path.write_bytes(encode(photo, quality=60, model="tiny"))
    return path


PIXELS = """
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [261, 203];
  const context = canvas.getContext("2d");
  context.drawImage(SOURCE, 0, 0);
  const reader = new FileReader();
  reader.readAsDataURL(new Blob([context.getImageData(0, 0, 261, 203).data]));
  await new Promise((done) => reader.addEventListener("load", done));
  return reader.result.split(",")[1];
"""


def pixels(tab: Tab, source: str) -> np.ndarray:
    data = base64.b64decode(tab.run(PIXELS.replace("SOURCE", source)))
    return np.frombuffer(data, np.uint8).reshape(203, 261, 4)[..., :3].astype(int)


def test_lic_view_shows_its_pictures(lic_file: Path, tab: Tab) -> None:
    with running(make_server(read_pictures([str(lic_file)]), 0)) as address:
        tab.open(address)
        tab.wait_for("document.getElementById('facts').children.length")
        wanted = np.array(decode(lic_file)).astype(int)
        assert np.abs(pixels(tab, "document.getElementById('picture')") - wanted).max() <= 1
        assert tab.errors() == []


def test_lic_view_without_pictures_has_an_example(
    tiny_model_path: Path, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lic.tools.pages.server.find_model", lambda: find_model("tiny"))
    with running(make_server([], 0)) as address:
        tab.open(address)
        tab.wait_for("document.getElementById('example').checkVisibility()")
        tab.run("document.getElementById('example').click();")
        tab.wait_for("document.title.startsWith('example.lic')")
        assert tab.errors() == []


def ask(address: str, path: str, host: str | None = None) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", int(address.split(":")[2].strip("/")))
    connection.request("GET", path, headers={"Host": host} if host else {})
    return connection.getresponse()


def test_lic_view_says_that_a_model_is_damaged(
    tiny_model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(tiny_model_path.read_bytes())
    data[-1] ^= 1
    (tmp_path / "damaged.safetensors").write_bytes(data)
    fingerprint = find_model(tiny_model_path).load().fingerprint.hex()
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    with running(make_server([], 0)) as address:
        answer = ask(address, f"/{fingerprint}.licmodel")
    assert answer.status == 500 and "is damaged" in answer.reason


def test_lic_view_serves_this_computer_and_its_own_files_only(lic_file: Path) -> None:
    server = make_server(read_pictures([str(lic_file)]), 0)
    assert server.server_address[0] == "127.0.0.1"
    with running(server) as address:
        assert ask(address, "/").status == 200
        assert ask(address, "/picture-0").read() == lic_file.read_bytes()
        assert ask(address, "/lic-simd.wasm").headers["Content-Type"] == "application/wasm"
        for path in ("/picture-1", "/../pyproject.toml", "//etc/passwd", "/lic.js/", "/lic-decoder"):
            assert ask(address, path).status == 404, path
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example:80"):
            assert ask(address, "/", host).status == 403, host


def test_lic_view_ends_when_nobody_asks_any_more(lic_file: Path) -> None:
    with make_server(read_pictures([str(lic_file)]), 0) as server:
        serve(server, idle=0.01)
