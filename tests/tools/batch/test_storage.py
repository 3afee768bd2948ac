"""Names of files as they are printed and recorded: no secrets, no control characters; and limits on web servers."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from lic import encode
from lic.tools.batch import storage
from lic.tools.cli import main
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")
Captured = pytest.CaptureFixture[str]
TOKEN = "X-Signature=s3cr3t"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: what it would write is looked through for secrets."""


@pytest.fixture
def server(tmp_path: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a web server for a folder with a picture, in a working directory beside it."""
    for name in ("served", "here"):
        (tmp_path / name).mkdir()
    Image.fromarray(photo[:20, :30]).save(tmp_path / "served" / "p.png")
    monkeypatch.chdir(tmp_path / "here")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "served")) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{http.server_port}"
        http.shutdown()


def test_an_output_is_named_by_the_path_of_an_address(server: str, photo: Pixels, capsys: Captured) -> None:
    assert main(["encode", f"http://{server}/p.png?{TOKEN}", "-o", "out/", "-m", "tiny", "--verbose"]) == 0
    assert [path.name for path in Path("out").iterdir()] == ["p.lic"]
    assert Path("out/p.lic").read_bytes() == encode(photo[:20, :30], model="tiny")
    assert f"http://{server}/p.png?... -> out/p.lic: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "name",
    ["http://{}/gone.png?" + TOKEN, "http://me:s3cr3t@{}/p.png", "http://{}/p.png?s3cr3t a", "http://{}/p.png#s3cr3t"],
)
def test_secrets_in_addresses_are_neither_printed_nor_recorded(name: str, server: str, capsys: Captured) -> None:
    arguments = [name.format(server), "-o", "out/", "-m", "tiny", "--verbose", "--json", "--manifest", "made.jsonl"]
    main(["encode", *arguments])
    main(["encode", *arguments, "--dry-run"])
    main(["encode", name.format(server), "-m", "tiny"])
    main(["info", name.format(server)])
    said = capsys.readouterr()
    assert server in said.out and server in said.err  # but not
    assert "s3cr3t" not in said.out + said.err + Path("made.jsonl").read_text()


def test_an_endless_answer_is_refused(server: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "MAX_DOWNLOAD", 100)
    assert main(["info", f"http://{server}/p.png"]) == 1
    assert "the server sends more than 100 bytes: download the file" in capsys.readouterr().err


def test_control_characters_in_names_do_not_reach_the_terminal(
    photo: Pixels, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for name in ("in/a\x1b[2J.png", "in/b\n.png", "in/c\udcff.png", "in/d\u202egnp.txt"):
        Path(name).write_bytes(b"no picture")
    Image.fromarray(photo[:20, :30]).save("in/e\x07.png")
    assert main(["encode", "in", "-o", "out/", "-m", "tiny", "--verbose", "--json"]) == 1
    assert main(["encode", "in/e\x07.png", "-m", "tiny", "--dry-run"]) == 0
    assert main(["info", "in/c\udcff.png", "out/e\x07.lic", "in/gone\x1b.lic"]) == 1
    said = capsys.readouterr()
    assert all(line.isprintable() for line in (said.out + said.err).splitlines())
    assert "a\\x1b[2J.png: not a picture" in said.err and "c\\udcff.png: this is not a .lic file" in said.err
    assert "\\u202e" in said.err and "out/e\\x07.lic" in said.out
    assert json.loads(said.out.splitlines()[0])["source"] == "in/a\x1b[2J.png"
