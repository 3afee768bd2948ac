"""`lic learn figures`: every figure is drawn."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lic.codec.model.catalogue import MODELS_VARIABLE
from lic.tools.cli import main
from lic.tools.course.gallery import FIGURES, OF_THE_CODEC

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def drawn(pictures: Path, tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures") / "new"
    command = [
        "learn",
        "figures",
        str(folder),
        "--data",
        str(pictures),
        "--model",
        str(tiny_model_path),
        "--steps",
        "2",
    ]
    assert main(command) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_is_a_png_with_something_in_it(drawn: Path, name: str) -> None:
    with Image.open(drawn / f"{name}.png") as image:
        assert image.format == "PNG"
        pixels = np.array(image.convert("L"))
    assert min(pixels.shape) > 400
    assert (pixels < 200).mean() > 0.005
    foot = pixels[-pixels.shape[0] // 12 :]  # where the caption stands
    assert foot.min() < 120 and foot.mean() > 200


def test_only_the_named_figures_are_drawn(tmp_path: Path) -> None:
    assert main(["learn", "figures", str(tmp_path), "--only", "em"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["em.png"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vae-samples", "vae-traversals"])
def test_each_of_the_trained_ones_can_be_the_first(name: str, pictures: Path, tmp_path: Path) -> None:
    command = ["learn", "figures", str(tmp_path), "--only", name, "--data", str(pictures), "--steps", "2"]
    assert main(command) == 0


def test_without_a_model_nothing_is_trained_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, "")
    assert main(["learn", "figures", str(tmp_path / "out"), "--model", "no-such-model"]) == 1
    assert "no-such-model" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert set(FIGURES) > OF_THE_CODEC
