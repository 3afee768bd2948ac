"""A library that is not installed is named, and how to install it."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from lic.tools.cli import main
from tests.conftest import Pixels


@pytest.mark.parametrize(
    ("module", "arguments", "remedy"),
    [
        ("shtab", ["completion", "bash"], "pip install shtab"),
        ("matplotlib", ["plot", "r.csv", "-o", "rd.png"], "pip install 'lic-codec[plot]'"),
        ("fsspec", ["encode", "memory://x.png"], "pip install 'lic-codec[distributed]'"),
    ],
)
@pytest.mark.usefixtures("tiny_model_path")
def test_a_missing_library_is_an_error_with_a_remedy(
    module: str,
    arguments: list[str],
    remedy: str,
    photo: Pixels,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo).save("a.png")
    assert main(["eval", "a.png", "-o", "r.csv", "-j", "1", "--codecs", "jpeg", "--qualities", "jpeg=5,50"]) == 0
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    assert main(arguments) == 1
    assert f"this needs {module}: {remedy}" in capsys.readouterr().err


def test_a_module_that_no_feature_asks_for_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lic.codec.model.catalogue", None)
    monkeypatch.delitem(sys.modules, "lic.tools.commands.list_models", raising=False)
    with pytest.raises(ModuleNotFoundError):
        main(["models"])
