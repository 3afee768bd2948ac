"""A full disk, a folder without write permission, an input that vanishes: outputs are whole or absent."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from lic import read_info
from lic.codec.model.catalogue import ModelFile
from lic.tools.batch import record, storage
from lic.tools.cli import main
from lic.tools.files import write_whole
from lic.tools.training.checkpoint import read_checkpoint
from lic.tools.training.choices import TrainConfig
from lic.tools.training.loop import train
from tests.conftest import Pixels
from tests.tools.tiny import Tiny

resource = pytest.importorskip("resource", reason="needs limits as Unix has them")
pytestmark = pytest.mark.usefixtures("tiny_model_path")
Captured = pytest.CaptureFixture[str]


@contextmanager
def files_of_at_most(count: int) -> Iterator[None]:
    """Limit the size of files, which acts like a full disk, also for root."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def folder(tmp_path: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small picture and a large one."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Image.fromarray(photo[:20, :20]).save("in/small.png")
    Image.fromarray(photo).save("in/large.png")
    return tmp_path


def files(name: str) -> list[str]:
    return sorted(name for name in os.listdir(name) if name != record.NAME)


def test_a_full_disk_costs_the_file_that_does_not_fit(folder: Path, capsys: Captured) -> None:
    arguments = ["encode", "in", "-o", "out/", "-m", "tiny", "-q", "100"]
    with files_of_at_most(800):
        assert main(arguments) == 1
    assert files("out") == ["small.lic"] and read_info("out/small.lic").size == (20, 20)
    assert capsys.readouterr().err.splitlines()[0] == "in/large.png: cannot write out/large.lic: File too large"
    assert main(arguments) == 0
    assert "1 converted, 1 skipped" in capsys.readouterr().err
    before = {name: Path("out", name).read_bytes() for name in files("out")}
    with files_of_at_most(10):
        assert main([*arguments, "--force"]) == 1
        assert main(["decode", "out", "-o", "back/"]) == 1
        assert main(["encode", "in/small.png", "-o", "other.lic", "-m", "tiny", "--manifest", "m.jsonl"]) == 1
    assert {name: Path("out", name).read_bytes() for name in files("out")} == before
    assert files("back") == [] and files(".") == ["back", "in", "out"]
    assert capsys.readouterr().err.splitlines()[-1] == "lic encode: m.jsonl: File too large"


def test_a_full_disk_costs_a_training_its_last_minutes_only(folder: Path) -> None:
    config = TrainConfig(data=("in",), output="run", steps=1, crop=32, batch=2, device="cpu")
    path = train(Tiny(), config)
    before = files("run")
    with files_of_at_most(1000), pytest.raises(OSError, match="File too large"):
        train(Tiny(), TrainConfig(**{**vars(config), "steps": 2}), resume=True)
    assert files("run") == before
    assert read_checkpoint(path)[1]["step"] == 1


class ShortWrites(io.RawIOBase):
    """An unbuffered stream that takes at most ten bytes at a time."""

    def __init__(self) -> None:
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.taken += bytes(data[:10])
        return min(len(data), 10)


def test_an_unbuffered_standard_output_gets_every_byte(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["encode", "in/small.png", "-o", "a.lic", "-m", "tiny"]) == 0
    stream = ShortWrites()
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=stream, flush=lambda: None, isatty=lambda: False))
    assert main(["decode", "a.lic", "-o", "-"]) == 0
    assert Image.open(io.BytesIO(stream.taken)).tobytes() == Image.open("a.lic").tobytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_picture_that_standard_output_does_not_take_is_an_error(folder: Path, unbuffered: str) -> None:
    assert main(["encode", "in/small.png", "-o", "a.lic", "-m", "tiny"]) == 0
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "lic", "decode", "a.lic", "-o", "-"]
        environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    assert done.returncode == 1
    assert "a.lic: cannot write standard output: No space left on device" in done.stderr.splitlines()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["info", "a.lic"], ["models"]])
def test_a_full_standard_output_is_one_line_and_exit_code_1(folder: Path, arguments: list[str]) -> None:
    assert main(["encode", "in/small.png", "-o", "a.lic", "-m", "tiny"]) == 0
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "lic", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"lic {arguments[0]}: ") and done.stderr.count("\n") == 1
    assert done.stderr.endswith("No space left on device\n")


def test_a_place_where_nothing_can_be_written(folder: Path, capsys: Captured) -> None:
    Path("file").write_text("in the way")
    assert main(["encode", "in", "-o", "file/out/", "-m", "tiny"]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert main(["encode", "in", "-o", "file/out/", "-m", "tiny", "--parents"]) == 1
    assert "Not a directory" in capsys.readouterr().err
    assert main(["encode", "in/small.png", "-o", "a.lic", "-m", "tiny", "--manifest", "file/m.jsonl"]) == 1
    assert capsys.readouterr().err == "lic encode: file: File exists\n"
    Path("folder.lic").mkdir()
    assert main(["encode", "in/small.png", "-o", "folder.lic", "-m", "tiny", "--force"]) == 0
    assert files("folder.lic") == ["small.lic"] and Path("file").read_text() == "in the way"


def test_an_input_that_goes_away_costs_itself(folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    load = ModelFile.load

    def meanwhile(file: ModelFile) -> object:
        Path("in/large.png").unlink(missing_ok=True)  # after the folder was listed
        return load(file)

    monkeypatch.setattr(ModelFile, "load", meanwhile)
    assert main(["encode", "in", "-o", "out/", "-m", "tiny"]) == 1
    assert capsys.readouterr().err.splitlines()[0] == "in/large.png: No such file or directory"
    assert files("out") == ["small.lic"]


def test_names_as_long_as_a_file_may_have(tmp_path: Path) -> None:
    for name in ("n" * 251 + ".lic", "ü" * 125 + ".lic"):
        storage.write(str(tmp_path / name), b"whole")
        assert (tmp_path / name).read_bytes() == b"whole"


@pytest.mark.skipif(os.name == "nt", reason="Windows has links for administrators only, and no /dev/fd")
def test_links_are_followed_and_pipes_written_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "file").read_bytes() == b"new" and (tmp_path / "link").is_symlink()
    reader, writer = os.pipe()
    write_whole(f"/dev/fd/{writer}", b"into a pipe")
    assert os.read(reader, 100) == b"into a pipe"
    os.close(reader), os.close(writer)


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no mask of rights")
def test_files_have_the_rights_that_the_mask_leaves(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_whole(tmp_path / "file", b"")
    finally:
        os.umask(mask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such rights")
def test_a_file_that_is_replaced_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for rights in (0o600, 0o644, 0o400):
        path.unlink(missing_ok=True)
        path.write_bytes(b"old")
        path.chmod(rights)
        write_whole(path, b"new", replace=True)
        assert path.read_bytes() == b"new" and path.stat().st_mode & 0o777 == rights
