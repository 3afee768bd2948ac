from pathlib import Path

import pytest

from lic.codec.entropy import coder
from lic.codec.entropy.compiled import BUILT
from lic.codec.model.catalogue import MODELS_VARIABLE
from lic.tools.cli import main

Captured = pytest.CaptureFixture[str]


def test_it_says_what_is_there_and_that_it_works(tiny_model_path: Path, capsys: Captured) -> None:
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "torch" in text and "cores" in text
    assert "tiny" in text and "works (" in text
    reads = next(line for line in text.splitlines() if line.startswith("reads "))
    assert all(name in reads for name in ("JPEG", "PNG", "TIFF", "WEBP"))
    assert "HEIF" in reads or "not .heic (pip install pillow-heif)" in reads


@pytest.mark.parametrize(("compiled", "word"), [(True, "compiled"), (False, "numpy")])
def test_it_says_which_coder_runs(
    compiled: bool, word: str, tiny_model_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coder, "COMPILED", compiled and BUILT)
    main(["doctor"])
    assert f"coder          {word if BUILT else 'numpy'}" in capsys.readouterr().out


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
