"""Parts from a file of one's own, as EXTENDING.md shows them, without an edit in the package."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lic
from lic.tools.cli import main
from lic.tools.evaluation import codecs
from lic.tools.own_parts import NoSuchPart, find_part
from lic.tools.training.checkpoint import read_checkpoint
from lic.tools.training.distortions import get_distortion
from tests.conftest import Pixels

CONFORMANCE = Path(__file__).parents[2] / "conformance"
PAGE = (Path(__file__).parents[2] / "tools" / "EXTENDING.md").read_text(encoding="utf-8")
TINY = "--steps 2 --crop 32 --batch 2 --channels 8 --latents 12 --device cpu --precision fp32"


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The examples of the page as one file in the current folder."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.py"
    path.write_text("\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)), encoding="utf-8")
    yield path
    sys.modules.pop("mine", None)
    get_distortion.cache_clear()


def test_a_network_is_trained_for_a_distortion_on_pictures_of_a_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"train mine:noise -o run --distortion mine:charbonnier --valid mine:noise --lambdas 30,900 {TINY}"
    assert main(command.split()) == 0
    _, info = read_checkpoint(tmp_path / "run" / "best.safetensors")
    assert info["config"]["distortion"] == "mine:charbonnier"
    assert "distortion" in capsys.readouterr().out  # the column of the table that chooses the best checkpoint


def test_its_usual_lambdas_follow_from_its_scale(tmp_path: Path) -> None:
    assert main(f"train mine:noise -o run --distortion mine:charbonnier {TINY}".split()) == 0
    _, info = read_checkpoint(tmp_path / "run" / "checkpoint.safetensors")
    assert info["config"]["lambdas"][0] == pytest.approx(0.001 * 30_000)


def test_a_codec_and_a_metric_are_measured_and_plotted(tmp_path: Path, photo: object) -> None:
    from PIL import Image

    Image.fromarray(photo).save("photo.png")  # type: ignore[arg-type]
    command = "eval photo.png --codecs mine:palette jpeg --metrics mine:largest_error -j 1"
    for output in ("mine.json", "mine.csv"):
        assert main([*command.split(), "-o", output]) == 0
    content = json.loads(Path("mine.json").read_text())
    assert content["columns"][-1] == "largest_error" and content["codecs"]["palette"]["label"] == "PNG with a palette"
    pytest.importorskip("matplotlib")
    for results in ("mine.json", "mine.csv"):
        picture = f"{results}.svg"
        assert main(["plot", results, "--metric", "psnr", "largest_error", "-o", picture]) == 0
        assert "largest_error" in Path(picture).read_text()


def test_what_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NoSuchPart, match="mine has no lpips"):
        find_part("mine:lpips", "distortions")
    with pytest.raises(NoSuchPart, match="no module nowhere"):
        find_part("nowhere:lpips", "distortions")
    with pytest.raises(codecs.CodecNotFound, match="is no"):
        codecs.get_codec("mine:noise")
    assert main(f"train mine:noise -o run --distortion lpips {TINY}".split()) == 2
    assert "a function of your own" in capsys.readouterr().err


@pytest.mark.parametrize("quality", [1, 45, 100])
def test_onnx_runtime_decodes_the_symbols_of_a_file(
    quality: float, photo: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name)
    model = CONFORMANCE / "golden-phases.safetensors"
    assert main(["export", str(model), "--onnx", "-o", str(tmp_path)]) == 0
    monkeypatch.setenv("LIC_MODELS", str(CONFORMANCE))
    file = lic.encode(photo[:75, :109], quality=quality, model=model, lossless=False)
    decoded = find_part("mine:decode_by_onnx", "metrics")(file, tmp_path)
    expected = np.array(lic.decode(file)).astype(int)
    assert np.abs(decoded - expected).max() <= 1
    assert (decoded != expected).mean() < 0.05
