"""The conformance files that must be refused, and the program that tries other decoders on all of them."""

import subprocess
import sys
from pathlib import Path

import pytest

from conformance import hostile, run
from lic import LicError, decode, read_info
from lic.codec import errors
from lic.codec.file.container import build
from lic.codec.model.catalogue import MODELS_VARIABLE

FOLDER = Path(run.__file__).parent


@pytest.fixture(autouse=True)
def golden_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(FOLDER))


@pytest.mark.parametrize("name", run.MANIFEST["refused"])
def test_a_hostile_file_meets_its_error(name: str) -> None:
    data = (FOLDER / "refused" / f"{name}.lic").read_bytes()
    with pytest.raises(LicError) as caught:
        decode(data)
    assert type(caught.value) is getattr(errors, run.MANIFEST["refused"][name])
    assert str(caught.value) and "\n" not in str(caught.value)


def test_every_hostile_file_is_in_the_manifest_and_every_way_to_make_one_has_a_file() -> None:
    files = {path.stem: path.read_bytes() for path in (FOLDER / "refused").glob("*.lic")}
    assert files.keys() == run.MANIFEST["refused"].keys() == hostile.hostile_files().keys()
    assert len(set(files.values())) == len(files)


def test_hostile_files_would_be_decoded_without_what_is_wrong_in_them() -> None:
    good = [build(hostile.PLAIN), hostile.with_sections((b"A", hostile.saved("PNG", "L")))]
    assert all(decode(data).size == read_info(data).size for data in good)


def test_the_runner_finds_out_a_decoder_that_refuses_all_and_one_that_writes_nothing() -> None:
    refusing, silent = [*run.failures("false")], [*run.failures("true")]
    assert [line.partition(": ")[2] for line in refusing] == ["is refused"] * len(run.MANIFEST["files"])
    assert len(silent) == len(run.MANIFEST["files"]) + len(run.MANIFEST["refused"])
    assert {line.partition(": ")[2] for line in silent} == {"ends with 0, without an output"}


@pytest.mark.slow
def test_the_command_passes() -> None:
    command = f"{sys.executable} -m lic decode {{file}} -m {{model}} -o {{output}}"
    done = subprocess.run([sys.executable, str(FOLDER / "run.py"), command], capture_output=True, text=True)
    count = len(run.MANIFEST["files"]) + len(run.MANIFEST["refused"])
    assert done.stdout == f"{count} of {count} files are treated as they must be\nthe decoder is exact\n"
