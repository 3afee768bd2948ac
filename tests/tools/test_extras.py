"""A library that is not installed is named, and how to install it."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from lic.tools.cli import main
from tests.conftest import Pixels


@pytest.mark.parametrize(
    ("module", "arguments", "remedy"),
    [
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


WITHOUT_TRAIN = """
import sys
for library in ("torch", "skimage", "scipy", "pytorch_msssim", "matplotlib"):
    sys.modules[library] = None  # so that importing it fails
from lic.tools.cli import main
print([main(command.split()) for command in sys.argv[1:]])
"""


@pytest.mark.slow
def test_what_pip_installs_without_extras_is_enough_to_code_and_to_measure(
    photo: Pixels, tiny_model_path: Path, tmp_path: Path
) -> None:
    Image.fromarray(photo).save(tmp_path / "a.png")
    commands = [
        "demo -m tiny",
        "encode a.png -m tiny --target-ms-ssim 0.8 -e 1",
        "decode a.lic -o b.png",
        "eval a.png -o r.csv -m tiny -j 1 --codecs lic,jpeg",
        "compare a.png -m tiny -o c.png",
        "completion bash",
        "doctor",
    ]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TRAIN, *commands], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == str([0] * len(commands)), done.stderr
    done = subprocess.run([sys.executable, "-c", WITHOUT_TRAIN, "train photos -o run"], capture_output=True, text=True)
    assert done.stderr == "lic train: this needs torch: pip install 'lic-codec[train]'\n"


def test_a_module_that_no_feature_asks_for_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lic.codec.model.catalogue", None)
    monkeypatch.delitem(sys.modules, "lic.tools.commands.list_models", raising=False)
    with pytest.raises(ModuleNotFoundError):
        main(["models"])
