"""`lic figures`: every figure is drawn, from what it says it shows."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lic.codec.model.catalogue import MODELS_VARIABLE
from lic.models.quantization import quantize
from lic.tools.cli import main
from lic.tools.commands.figures import FIGURES, OF_THE_CODEC
from lic.tools.studies.figures_codec import FINE, differential_entropy, discrete_entropy, histogram
from lic.tools.studies.figures_latent import ring_mixture

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def drawn(pictures: Path, tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures") / "new"
    command = ["figures", str(folder), "--data", str(pictures), "--model", str(tiny_model_path), "--steps", "2"]
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
    assert main(["figures", str(tmp_path), "--only", "em"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["em.png"]


def test_without_a_model_nothing_is_trained_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, "")
    assert main(["figures", str(tmp_path / "out"), "--model", "no-such-model"]) == 1
    assert "no-such-model" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert set(FIGURES) > OF_THE_CODEC


def test_the_noisy_density_passes_through_the_rounded_probabilities() -> None:
    generator = torch.Generator().manual_seed(0)
    y = 1.7 * torch.randn(400_000, generator=generator) + 0.3
    noise = torch.rand(y.shape, generator=generator) - 0.5
    symbols, p = histogram(quantize(y, "round"), 1)
    centres, density = histogram(quantize(y, "noise", noise), FINE)
    at = dict(zip(centres.tolist(), density.tolist(), strict=True))
    for n, probability in zip(symbols.tolist(), p.tolist(), strict=True):
        if abs(n) <= 4:
            assert at[n] == pytest.approx(probability, abs=0.006)


def test_entropies_agree_for_wide_latents_and_part_for_narrow_ones() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(200_000, generator=generator) - 0.5
    wide = 5 * torch.randn(200_000, generator=generator)
    assert differential_entropy(wide + noise) == pytest.approx(discrete_entropy(quantize(wide, "round")), abs=0.01)
    narrow = wide / 50
    assert discrete_entropy(quantize(narrow, "round")) < 0.01 < 0.2 < differential_entropy(narrow + noise)


def test_the_mixture_of_the_em_figure_is_a_distribution() -> None:
    mixture = ring_mixture()
    assert float(mixture.weights.sum()) == pytest.approx(1)
    assert (torch.linalg.eigvalsh(mixture.covariances) > 0).all()
