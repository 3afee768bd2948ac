import json
import os
from pathlib import Path

import pytest

from lic.codec.entropy import coder
from lic.codec.model.catalogue import MODELS_VARIABLE, find_model
from lic.codec.model.header import CARD
from lic.codec.model.tensor_file import read_arrays, to_bytes
from lic.tools.cli import main
from lic.tools.commands import doctor

Captured = pytest.CaptureFixture[str]


def test_it_says_what_is_there_and_that_it_works(tiny_model_path: Path, capsys: Captured) -> None:
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "torch" in text and "cores" in text
    assert "tiny" in text and "works (" in text
    reads = next(line for line in text.splitlines() if line.startswith("reads "))
    assert all(name in reads for name in ("JPEG", "PNG", "TIFF", "WEBP"))
    assert "HEIF" in reads or "not .heic (pip install pillow-heif)" in reads


def test_it_says_whether_pixels_are_those_of_other_machines(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))  # the shipped models remain
    assert main(["doctor"]) == 0
    assert "with exact pixels" in capsys.readouterr().out
    monkeypatch.setattr(doctor, "DIGESTS", dict.fromkeys(doctor.DIGESTS, "another"))
    assert main(["doctor"]) == 1
    assert "not those of other machines" in capsys.readouterr().out


@pytest.mark.parametrize("backend", ["C", "numpy"])
def test_it_says_which_coder_runs(
    backend: str, tiny_model_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coder, "BACKEND", backend)
    main(["doctor"])
    assert f"coder          {backend}" in capsys.readouterr().out


def test_damaged_and_missing_models_are_problems(
    tiny_model_path: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(tiny_model_path.read_bytes())
    data[-1] ^= 1
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    (tmp_path / "bent.safetensors").write_bytes(data)
    assert main(["doctor"]) == 1
    assert "does not match its fingerprint" in capsys.readouterr().out
    (tmp_path / "bent.safetensors").write_bytes(b"no model")
    assert main(["doctor"]) == 1
    assert "not a lic model" in capsys.readouterr().out


ODD_CARDS = {
    "a name for the terminal": {"name": "\x1b[2J\ud800"},
    "a lambda beyond float": {"lambdas": [1, 10, 10**400]},
    "lambdas that are texts": {"lambdas": ["1", "2", "3"]},
    "sizes that are none": {"network": {"kind": "balle2017", "n": "6", "m": True}},
    "an unknown part": {"network": {"kind": "balle2017", "n": 6, "m": 12, "more": 1}},
    "second looks that are none": {"second_look": [None, "x", 2]},
    "an entropy model that is a list": {"entropy": [1]},
    "a card that is a list": None,
}


@pytest.mark.parametrize("kind", ODD_CARDS)
def test_an_odd_model_hides_no_other(
    kind: str, tiny_model_path: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, os.pathsep.join([str(tmp_path), str(tiny_model_path.parent)]))
    path = Path(__file__).parents[3] / "conformance" / "golden-plain.safetensors"
    card = find_model(path).card
    odd = card | ODD_CARDS[kind] if ODD_CARDS[kind] else [card]  # type: ignore[operator]
    (tmp_path / "odd.safetensors").write_bytes(to_bytes(read_arrays(path), {CARD: json.dumps(odd)}))
    for command in ("doctor", "models"):
        assert main([command]) in (0, 1)
        said = capsys.readouterr()
        assert all(line.isprintable() for line in (said.out + said.err).splitlines())
        assert "tiny" in said.out and ("odd.safetensors" in said.out + said.err or "\\ud800" in said.out)
