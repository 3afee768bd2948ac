"""Parts from a file of one's own, as EXTENDING.md shows them, without an edit in the package."""

import csv
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import lic
from lic.codec.entropy.entropy_model import ENTROPY_MODELS
from lic.codec.model.catalogue import find_model
from lic.codec.transform.engine import engine_of
from lic.codec.transform.torch_network import thaw
from lic.models.architecture import KINDS
from lic.tools.cli import main
from lic.tools.evaluation import codecs
from lic.tools.own_parts import NoSuchPart, find_part
from lic.tools.training.checkpoint import read_checkpoint
from lic.tools.training.distortions import get_distortion
from tests.conftest import Pixels

CONFORMANCE = Path(__file__).parents[2] / "conformance"
PAGE = (Path(__file__).parents[2] / "tools" / "EXTENDING.md").read_text(encoding="utf-8")
ONE_STEP = "--steps 1 --crop 32 --batch 2 --device cpu"
TINY = "--steps 2 --crop 32 --batch 2 --channels 8 --latents 12 --device cpu --precision fp32"


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The examples of the page as one file in the current folder."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "mine.py"
    path.write_text("\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)), encoding="utf-8")
    known = dict(KINDS), dict(ENTROPY_MODELS)
    yield path
    for registry, before in zip((KINDS, ENTROPY_MODELS), known, strict=True):
        registry.clear()
        registry.update(before)  # type: ignore[arg-type]
    sys.modules.pop("mine", None)
    get_distortion.cache_clear()


@pytest.mark.slow
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


def test_a_codec_and_a_metric_are_measured_and_plotted(tmp_path: Path, photo: Pixels) -> None:
    Image.fromarray(photo).save("photo.png")
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


class Differences(nn.Module):
    """In place of piq's LPIPS, whose weights are fetched."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        assert x.shape == y.shape and x.shape[1] == 3 and bool(((x >= 0) & (x <= 1)).all())
        return (x - y).abs().mean(dim=(1, 2, 3))


def test_a_metric_may_be_that_of_a_library(photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "piq", SimpleNamespace(LPIPS=Differences))  # type: ignore[arg-type]
    Image.fromarray(photo[:40, :60]).save("photo.png")
    command = "eval photo.png --codecs jpeg --qualities jpeg=10,90 --metrics mine:lpips -j 1 -o lpips.csv"
    assert main(command.split()) == 0
    with open("lpips.csv", newline="") as file:
        coarse, fine = (float(row["lpips"]) for row in csv.DictReader(line for line in file if line[0] != "#"))
    assert coarse > fine > 0


def test_a_distortion_may_be_a_module(mine: Path) -> None:
    with mine.open("a") as file:
        file.write("from tests.tools.test_own_parts import Differences\n\nmodule = Differences()\n")
    x = torch.rand(2, 3, 16, 16, requires_grad=True)
    distances = get_distortion("mine:module").of(x, x.detach().flip(3))
    distances.sum().backward()
    assert distances.shape == (2,) and x.grad is not None


def test_what_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NoSuchPart, match="mine has no vmaf"):
        find_part("mine:vmaf", "distortions")
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
    model = CONFORMANCE / "golden-contexts.safetensors"
    assert main(["export", str(model), "--onnx", "-o", str(tmp_path)]) == 0
    monkeypatch.setenv("LIC_MODELS", str(CONFORMANCE))
    file = lic.encode(photo[:75, :109], quality=quality, model=model, lossless=False)
    decoded = find_part("mine:decode_by_onnx", "metrics")(file, tmp_path)
    expected = np.array(lic.decode(file)).astype(int)
    assert np.abs(decoded - expected).max() <= 1
    assert (decoded != expected).mean() < 0.05


def test_transforms_are_trained_exported_and_run_by_torch(
    tmp_path: Path, photo: Pixels, capsys: pytest.CaptureFixture[str]
) -> None:
    importlib.import_module("mine")
    assert main(f"train mine:noise -o run --architecture patches --lambdas 0.01,0.1 {TINY}".split()) == 0
    assert main(f"train mine:noise -o more --from run {ONE_STEP}".split()) == 0
    assert main(["export", "run", "-o", "mine.safetensors", "--crops", "2"]) == 0
    path = tmp_path / "mine.safetensors"
    model = find_model(path).load()
    assert model.card["network"] == {"kind": "patches", "n": 8, "m": 12}
    assert type(engine_of(model)).__name__ == "TorchEngine"

    data = lic.encode(photo[:90, :70], model=path, quality=100, lossless=False)
    picture, symbols = np.array(lic.decode(data, model=path)), torch.from_numpy(lic.symbols(data, model=path))
    network = thaw(model)
    decoded = network.synthesis(network.restore(symbols[None].float(), torch.tensor([1])))[0].permute(1, 2, 0)
    assert np.abs(picture - 255 * decoded.clamp(0, 1)[:90, :70].numpy()).max() < 1
    part = np.array(lic.decode(data, model=path, region=(20, 10, 60, 80))).astype(int)
    assert np.abs(part - picture[10:80, 20:60]).max() <= 1

    KINDS.pop("patches")
    Path("photo.lic").write_bytes(data)
    assert main(["decode", "photo.lic", "-m", "./mine.safetensors"]) == 1
    assert "name its module in LIC_PARTS" in capsys.readouterr().err


def test_an_entropy_model_codes_the_symbols_of_a_model(
    tmp_path: Path, photo: Pixels, tiny_model_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    importlib.import_module("mine")
    theirs, ours = str(tiny_model_path), tmp_path / "mine.safetensors"
    assert main(["export", theirs, "-o", str(ours), "--entropy", "histograms", "--data", "mine:noise"]) == 0
    assert find_model(ours).card["entropy"] == "histograms"
    assert find_model(ours).fingerprint != find_model(theirs).fingerprint
    back = tmp_path / "back.safetensors"
    assert main(["export", str(ours), "-o", str(back), "--entropy", "channels", "--data", "mine:noise"]) == 0
    assert find_model(back).fingerprint == find_model(theirs).fingerprint
    for quality in (1, 60, 100):
        files = {m: lic.encode(photo[:75, :90], model=m, quality=quality, lossless=False) for m in (theirs, ours)}
        assert files[theirs] != files[ours]
        symbols = lic.symbols(
            files[theirs], model=theirs
        )  # others than ours: the price of a symbol counts in its choice
        coded = lic.encode_symbols(symbols, files[ours], model=ours)
        assert symbols.any() and (lic.symbols(coded, model=ours) == symbols).all()
        picture, other = (np.array(lic.decode(file, model=m)) for m, file in ((theirs, files[theirs]), (ours, coded)))
        assert (picture == other).all()
    assert main(["export", str(ours), "-o", str(tmp_path / "mine.licmodel")]) == 1  # browsers cannot run it
    assert "an entropy model of one's own" in capsys.readouterr().err


def test_an_entropy_model_of_ones_own_can_be_that_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module("mine")
    assert main(f"train mine:noise -o run --lambdas 0.01,0.1 {TINY}".split()) == 0
    assert main(["export", "run", "-o", "mine.safetensors", "--entropy", "histograms", "--crops", "2"]) == 0
    assert find_model(tmp_path / "mine.safetensors").card["entropy"] == "histograms"
    assert main(["export", "run", "-o", "none.safetensors", "--entropy", "nothing"]) == 2
    assert "there is no --entropy nothing: choose from channels, histograms" in capsys.readouterr().err


def test_modules_that_the_environment_names_register_their_parts(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(
        "from lic.models.architecture import KINDS\nKINDS['small'] = KINDS['residual']\n"
    )
    command = [sys.executable, "-c", "import lic; from lic.models.architecture import KINDS; print('small' in KINDS)"]
    for parts, printed in (("small", "True"), ("", "False")):
        done = subprocess.run(command, env=os.environ | {"LIC_PARTS": parts}, capture_output=True, text=True)
        assert done.stdout.strip() == printed, done.stderr
    done = subprocess.run(command, env=os.environ | {"LIC_PARTS": "nobody"}, capture_output=True, text=True)
    assert "LIC_PARTS names nobody, which cannot be imported" in done.stderr
