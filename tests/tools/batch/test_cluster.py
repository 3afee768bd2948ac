"""URLs, and a cluster that loses a worker."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from lic import encode, read_info
from lic.codec.encode.settings import Settings
from lic.tools.batch import storage
from lic.tools.batch.cluster import in_cluster
from lic.tools.batch.conversion import convert_one
from lic.tools.batch.jobs import Job
from lic.tools.batch.picture_files import encode_bytes
from lic.tools.cli import main
from tests.conftest import Pixels

distributed = pytest.importorskip("distributed")
fsspec = pytest.importorskip("fsspec")
pytestmark = pytest.mark.usefixtures("tiny_model_path")
Captured = pytest.CaptureFixture[str]

PICTURES = 16
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows, which has no SIGKILL, this ends a process at once


@pytest.fixture
def folder(tmp_path: Path, photo: Pixels) -> Path:
    (tmp_path / "in").mkdir()
    for i in range(PICTURES):
        Image.fromarray(photo[i : i + 64, i : i + 96]).save(tmp_path / f"in/{i:02}.png")
    return tmp_path


@pytest.fixture
def memory(folder: Path) -> Iterator[None]:
    """The same folder at memory://in."""
    system = fsspec.filesystem("memory")
    system.put(str(folder / "in"), "/in", recursive=True)
    yield
    system.rm("/", recursive=True)


def test_urls_are_read_and_written_like_paths(memory: None, folder: Path, photo: Pixels, capsys: Captured) -> None:
    assert main(["encode", "memory://in", "-o", "memory://out/", "-m", "tiny"]) == 0
    assert storage.files_in("memory://out", False) == [f"{i:02}.lic" for i in range(PICTURES)]
    assert storage.read("memory://out/03.lic") == encode(photo[3:67, 3:99], model="tiny")
    assert main(["encode", "memory://in", "-o", "memory://out/", "-m", "tiny"]) == 0
    assert f"0 converted, {PICTURES} skipped" in capsys.readouterr().err
    assert main(["decode", "memory://out/03.lic", "-o", str(folder / "x.png")]) == 0
    assert main(["encode", "memory://in/nothing.png", "-m", "tiny"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.slow
def test_a_killed_worker_loses_and_doubles_nothing(folder: Path, capsys: Captured) -> None:
    jobs = [Job(str(folder / f"in/{i:02}.png"), str(folder / f"out/{i:02}.lic")) for i in range(PICTURES)]
    work = partial(convert_one, convert=partial(encode_bytes, settings=Settings(model="tiny")))
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        results = []
        for result in in_cluster(jobs, work, address):
            if not results:
                os.kill(cluster.workers[0].pid, KILL)
            results.append(result)
        assert [r.error for r in results] == [""] * PICTURES
        sizes = [(folder / f"out/{i:02}.lic").stat().st_size for i in range(PICTURES)]
        assert [r.after for r in results] == sizes
        assert storage.files_in(str(folder / "out"), False) == [f"{i:02}.lic" for i in range(PICTURES)]
        assert all(read_info(job.target).size == (96, 64) for job in jobs)

        (folder / "in/broken.png").write_bytes(b"broken")
        paths = [str(folder / "in"), "-o", f"{folder}/again/", "--manifest", str(folder / "manifest.jsonl")]
        assert main(["encode", *paths, "-m", "tiny", "--cluster", address]) == 1
    assert f"{PICTURES} converted, 1 failed" in capsys.readouterr().err
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    assert [Path(line["source"]).stem for line in lines] == [*(f"{i:02}" for i in range(PICTURES)), "broken"]
    assert [line["after"] for line in lines[:-1]] == sizes and "not a picture" in lines[-1]["error"]


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    """The address of a web server for the folder of pictures."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder / "in"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def test_pictures_are_read_from_the_web(server: str, folder: Path, photo: Pixels, capsys: Captured) -> None:
    assert main(["encode", f"{server}/03.png", "-o", f"{folder}/web.lic", "-m", "tiny"]) == 0
    assert (folder / "web.lic").read_bytes() == encode(photo[3:67, 3:99], model="tiny")
    assert main(["encode", f"{server}/nothing.png", "-o", f"{folder}/x.lic", "-m", "tiny"]) == 1
    assert capsys.readouterr().err.endswith("nothing.png: the server answers: 404 File not found\n")
    assert main(["encode", "http://127.0.0.1:1/a.png", "-o", f"{folder}/x.lic", "-m", "tiny"]) == 1
    assert capsys.readouterr().err.startswith("http://127.0.0.1:1/a.png: cannot reach the server: ")
    assert main(["encode", f"{server}/03.png", "-m", "tiny"]) == 1
    assert "web pages can only be read, name a file as --output" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "missing", "said"),
    [
        ("s3://bucket/a.png", "s3fs", "pip install 'lic-codec[distributed]' s3fs"),
        ("s3://bucket/a.png", "fsspec", "this needs fsspec: pip install 'lic-codec[distributed]' s3fs"),
        ("nonsense://a.png", "", "cannot open nonsense://a.png: "),
    ],
)
def test_a_url_that_cannot_be_opened_is_one_line(
    name: str, missing: str, said: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["encode", name, "-o", f"{tmp_path}/x.lic", "-m", "tiny"]) == 1
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1


class Locked(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """A storage that asks for a key, with an error of its own."""

    protocol = "locked"

    def info(self, path: str, **options: object) -> dict[str, object]:
        raise LookupError("Unable to locate credentials")

    ls = info


@pytest.mark.parametrize(
    "command", ["encode {}/a.png -o x.lic", "encode {} -o out/", "encode {}/a.png", "info {}/a.lic"]
)
def test_errors_of_a_storage_are_one_line(
    command: str, folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    fsspec.register_implementation("locked", Locked, clobber=True)
    assert main(command.format("locked://bucket").split()) == 1
    error = capsys.readouterr().err
    assert "cannot reach locked://bucket" in error and "Unable to locate credentials" in error
    assert len(error.splitlines()) == 1
