"""`lic learn theory`: the page is made with its figures, from any folder."""

from pathlib import Path

import pytest

from lic.codec.model.catalogue import MODELS_VARIABLE
from lic.tools.cli import main

pytest.importorskip("matplotlib")


def test_chosen_chapters_are_drawn_with_figures_that_are_kept(tmp_path: Path) -> None:
    assert main(["learn", "theory", "-o", str(tmp_path), "--only", "mean-field", "em", "the-gaussian-vae"]) == 0
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert [f">{n}. {t}<" in text for n, t in enumerate(("EM", "Mean field", "The Gaussian VAE"), 1)] == [True] * 3
    assert text.count("<figure>") == 4 and "not drawn" not in text


@pytest.mark.slow
def test_figures_are_drawn_from_the_pictures_and_the_model_given(
    pictures: Path, tiny_model_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "theory"
    chapters = ["--only", "rate-and-distortion", "the-gaussian-vae"]  # test_figures.py draws all
    options = ["--data", str(pictures), "--model", str(tiny_model_path), "--steps", "2"]
    assert main(["learn", "theory", "-o", str(out), *chapters, *options]) == 0
    text = (out / "index.html").read_text(encoding="utf-8")
    assert text.count("data:image/webp;base64,") >= 3
    assert "trained for 2 steps" in text  # a caption
    assert [path.name for path in out.iterdir()] == ["index.html"]


def test_without_a_model_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, "")
    assert main(["learn", "theory", "-o", str(tmp_path / "out"), "--model", "no-such-model"]) == 1
    assert "no-such-model" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_training_for_no_step_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "theory", "-o", str(tmp_path / "out"), "--steps", "0"]) == 2
    assert "--steps 0" in capsys.readouterr().err
