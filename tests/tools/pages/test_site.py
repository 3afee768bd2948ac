"""The folder for web sites, served as a site would be: the element and the service worker. And `lic view`."""

import base64
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from lic import decode, encode
from lic.codec.model.catalogue import MODELS_VARIABLE, find_model
from lic.tools.pages.server import make_server
from lic.tools.pages.viewer import models_of, read_pictures, site_files
from tests.conftest import Pixels
from tests.tools.browser.chromium import Tab


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def running(server: HTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def lic_file(photo: Pixels, tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "pho to&.lic"
    path.write_bytes(encode(photo, quality=60, model="tiny"))
    return path


@pytest.fixture
def site(lic_file: Path, tmp_path: Path) -> Iterator[str]:
    pictures = read_pictures([str(lic_file)])
    for name, data in site_files(pictures, models_of(pictures)).items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "damaged.lic").write_bytes(lic_file.read_bytes()[:-1])
    with running(ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))) as address:
        yield address


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


CANVAS = "document.querySelector('lic-img').shadowRoot.querySelector('canvas')"


def test_the_example_page_shows_the_element_and_the_image(site: str, lic_file: Path, tab: Tab) -> None:
    tab.open(f"{site}example.html")
    tab.wait_for(f"{CANVAS}.width === 261")
    tab.wait_for("document.querySelector('img').naturalWidth === 261")
    wanted = np.array(decode(lic_file)).astype(int)
    for source in (
        "document.querySelector('lic-img').shadowRoot.querySelector('canvas')",
        "document.querySelector('img')",
    ):
        assert np.abs(pixels(tab, source) - wanted).max() <= 1
    canvas = "document.querySelector('lic-img').shadowRoot.querySelector('canvas')"
    assert tab.run(f"return [{canvas}.getAttribute('role'), {canvas}.getAttribute('aria-label')];") == [
        "img",
        lic_file.name,
    ]


EVENTS = """
  const image = document.createElement("lic-img");
  const said = [];
  for (const type of ["progress", "load", "error"]) image.addEventListener(type, (event) => {
    if (said.at(-1) !== type) said.push(type);
    if (type === "error") said.push(event.message);
  });
  const ended = new Promise((done) => ["load", "error"].forEach((type) => image.addEventListener(type, done)));
  image.src = SOURCE;
  document.body.append(image);
  await ended;
  return said;
"""


def test_the_element_says_how_it_went(site: str, tab: Tab) -> None:
    tab.open(f"{site}example.html")
    assert tab.run(EVENTS.replace("SOURCE", "'pho%20to&.lic'")) == ["progress", "load"]
    (kind, message) = tab.run(EVENTS.replace("SOURCE", "'damaged.lic'"))
    assert kind == "error" and message.startswith("the file ends at byte")
    (kind, message) = tab.run(EVENTS.replace("SOURCE", "'missing.lic'"))
    assert kind == "error" and "404" in message


def test_a_damaged_file_is_a_broken_image(site: str, tab: Tab) -> None:
    tab.open(f"{site}example.html")
    tab.wait_for("document.querySelector('img').naturalWidth === 261")
    assert tab.run(LOADS.replace("SOURCE", "'damaged.lic'")) is False
    assert tab.run(LOADS.replace("SOURCE", "'pho%20to&.lic?again'")) is True  # the service worker goes on


LOADS = """
  const image = new Image();
  image.src = SOURCE;
  return await new Promise((done) => {
    image.addEventListener("load", () => done(true));
    image.addEventListener("error", () => done(false));
  });
"""


def test_a_page_that_the_service_worker_cannot_serve_is_told_so(site: str, tab: Tab, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("lic.js", "lic-decoder.js", "lic-service-worker.js"):
        (tmp_path / "deep" / name).write_bytes((tmp_path / name).read_bytes())
    (tmp_path / "above.html").write_text('<script src="deep/lic.js"></script>')
    tab.open(f"{site}above.html")
    said = tab.run("try { await lic.serve(); return 'serves'; } catch (error) { return error.message; }")
    assert said.startswith(f"the service worker serves {site}deep/ only")


def test_lic_view_shows_its_pictures(lic_file: Path, tab: Tab) -> None:
    with running(make_server(read_pictures([str(lic_file)]), 0)) as address:
        tab.open(address)
        tab.wait_for("document.getElementById('facts').children.length")
        wanted = np.array(decode(lic_file)).astype(int)
        assert np.abs(pixels(tab, "document.getElementById('picture')") - wanted).max() <= 1
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
