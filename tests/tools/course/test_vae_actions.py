"""`lic learn vae`: it trains by the project's loop, and its pictures have the right shape and meaning."""

import argparse
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from PIL import Image

from lic.tools.cli import main
from lic.tools.course.commands import vae_actions
from lic.tools.course.vae_panels import GAP
from lic.tools.training.choices import TrainConfig
from lic.tools.training.loop import train
from lic.tools.training.pictures import load_picture
from lic.tools.training.variational import Variational, load_vae, measure
from tests.conftest import Pixels

TINY = "--crop 32 --channels 8 --precision fp32 --device cpu"


@pytest.fixture(scope="module")
def pictures(photo: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(photo).save(folder / "photo.png")
    Image.fromarray(photo[:100, :150]).save(folder / "part.png")
    return folder


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "vae"
    options = (
        "--steps 30 --crop 32 --batch 4 --channels 8 --latents 6 --warmup 5 --ema 0.9 --precision fp32 --device cpu"
    )
    assert main(["learn", "vae", "train", str(pictures), "-o", str(folder), *options.split()]) == 0
    return folder


def test_training_explains_pictures_better_than_its_start(pictures: Path, run: Path, tmp_path: Path) -> None:
    config = {"n": 8, "m": 6}
    start = train(
        Variational(**config),
        TrainConfig((str(pictures),), str(tmp_path), steps=1, crop=32, batch=4, lr=0.0, precision="fp32"),
    )
    photo = [load_picture(pictures / "photo.png")]
    scores = [measure(load_vae(path), photo, nullcontext) for path in (start, run)]
    assert scores[1].bits_per_dimension < scores[0].bits_per_dimension < 8
    assert 0 < scores[1].active <= scores[1].channels == 6


def test_train_reports_a_number_with_a_unit_and_one_without(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        "--steps",
        "1",
        "--crop",
        "32",
        "--batch",
        "2",
        "--channels",
        "8",
        "--latents",
        "4",
        "--noise",
        "laplace",
        "--precision",
        "fp32",
    ]
    assert main(["learn", "vae", "train", str(pictures), "-o", str(tmp_path / "run"), *options]) == 0
    report = capsys.readouterr().out
    assert "bits per 8-bit value" in report and "active units of 4" in report
    assert "if pictures run from 0 to 1" in report


def test_a_run_is_resumed_as_what_it_is(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    assert (
        main(["learn", "vae", "train", str(pictures), "-o", run, *f"--steps 1 --batch 2 --latents 4 {TINY}".split()])
        == 0
    )
    before = load_vae(Path(run)).synthesis[0].weight.clone()
    assert main(["learn", "vae", "train", "-o", run, "--resume", "--steps", "3"]) == 0
    assert not torch.equal(load_vae(Path(run)).synthesis[0].weight, before)
    assert main(["learn", "vae", "train", "-o", run, "--resume", "--latents", "8"]) == 2
    assert main(["train", "-o", run, "--resume", "--steps", "4"]) == 2
    assert "another kind of model" in capsys.readouterr().err


def test_l1_does_not_go_with_lambda(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--steps", "1", "--noise", "laplace", "--lambda", "0.1"]
    assert main(["learn", "vae", "train", str(pictures), "-o", str(tmp_path / "run"), *options]) == 2
    assert "--noise" in capsys.readouterr().err


def test_a_codec_is_not_taken_for_a_vae(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [
        "--steps",
        "1",
        "--crop",
        "32",
        "--batch",
        "2",
        "--channels",
        "8",
        "--latents",
        "12",
        "--lambdas",
        "0.01",
        "--precision",
        "fp32",
    ]
    assert main(["train", str(pictures), "-o", str(tmp_path / "run"), *options]) == 0
    assert main(["learn", "vae", "sample", str(tmp_path / "run"), "-o", str(tmp_path / "x.png")]) == 1
    assert "lic learn vae train" in capsys.readouterr().err


def drawn(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_panels_hold_what_was_asked_for(run: Path, pictures: Path, tmp_path: Path) -> None:
    out, photo, part = tmp_path / "out.png", str(pictures / "photo.png"), str(pictures / "part.png")
    assert main(["learn", "vae", "sample", str(run), "-o", str(out), "--count", "6", "--size", "32x48"]) == 0
    assert drawn(out) == (3 * (48 + GAP) - GAP, 2 * (32 + GAP) - GAP)
    assert main(["learn", "vae", "reconstruct", str(run), "--force", photo, "-o", str(out), "--samples", "2"]) == 0
    assert drawn(out) == (4 * (256 + GAP) - GAP, 192)
    assert main(["learn", "vae", "interpolate", str(run), "--force", photo, part, "-o", str(out), "--steps", "3"]) == 0
    assert drawn(out) == (3 * (144 + GAP) - GAP, 96)
    assert main(["learn", "vae", "traverse", str(run), "--force", part, "-o", str(out), "--channels", "2"]) == 0
    assert drawn(out) == (7 * (144 + GAP) - GAP, 2 * (96 + GAP) - GAP)


def test_a_picture_too_small_is_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (15, 40)).save(tmp_path / "small.png")
    command = ["learn", "vae", "reconstruct", str(run), str(tmp_path / "small.png"), "-o", str(tmp_path / "x.png")]
    assert main(command) == 1
    assert "16 x 16" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["64", "20x32", "0x16"])
def test_sizes_off_the_grid_are_refused(text: str) -> None:
    with pytest.raises((ValueError, argparse.ArgumentTypeError)):
        vae_actions.size(text)
