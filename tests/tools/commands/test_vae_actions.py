"""`lic vae`: it trains by the project's loop, and what it draws has the right shape and meaning."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from lic.models.theory.vae import Vae
from lic.tools.cli import main
from lic.tools.commands import vae_actions as tool
from lic.tools.studies.small_trainings import Bench, full_precision
from lic.tools.training.loop import TrainConfig, train
from lic.tools.training.objective import Now
from lic.tools.training.variational import Variational, load_vae, measure

Pixels = NDArray[np.uint8]


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
    assert main(["vae", "train", str(pictures), "-o", str(folder), *options.split()]) == 0
    return folder


def loss_of(objective: Variational, progress: float) -> float:
    torch.manual_seed(0)
    vae = objective.build()
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    draws = objective.draw(2, 32, torch.Generator().manual_seed(0))
    return float(objective.loss(vae, x, draws, Now(0, progress, final=False))[0].detach())


def test_training_explains_pictures_better_than_its_start(pictures: Path, run: Path, tmp_path: Path) -> None:
    config = {"n": 8, "m": 6}
    start = train(
        Variational(**config),
        TrainConfig((str(pictures),), str(tmp_path), steps=1, crop=32, batch=4, lr=0.0, precision="fp32"),
    )
    photo = [tool.load_picture(pictures / "photo.png")]
    scores = [measure(load_vae(path), photo, full_precision) for path in (start, run)]
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
    assert main(["vae", "train", str(pictures), "-o", str(tmp_path / "run"), *options]) == 0
    report = capsys.readouterr().out
    assert "bits per 8-bit value" in report and "active units of 4" in report
    assert "if pictures run from 0 to 1" in report


def test_a_run_is_resumed_as_what_it_is(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    assert main(["vae", "train", str(pictures), "-o", run, *f"--steps 1 --batch 2 --latents 4 {TINY}".split()]) == 0
    before = load_vae(Path(run)).synthesis[0].weight.clone()
    assert main(["vae", "train", "-o", run, "--resume", "--steps", "3"]) == 0
    assert not torch.equal(load_vae(Path(run)).synthesis[0].weight, before)
    assert main(["vae", "train", "-o", run, "--resume", "--latents", "8"]) == 2
    assert main(["train", "-o", run, "--resume", "--steps", "4"]) == 2
    assert "another kind of model" in capsys.readouterr().err


def test_kl_warm_up_and_free_bits_lower_the_loss_while_they_last() -> None:
    plain = loss_of(Variational(n=8, m=4), 0.1)
    warming = Variational(n=8, m=4, kl_warmup=0.5)
    assert loss_of(warming, 0.0) < loss_of(warming, 0.1) < plain
    assert loss_of(warming, 0.5) == pytest.approx(plain)
    assert loss_of(Variational(n=8, m=4, free_bits=100.0), 0.1) > plain  # the floor counts, its gradient does not


def test_free_bits_keep_channels_from_collapsing(photo: Pixels, tmp_path: Path) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    active = []
    for free_bits in (0.0, 0.1):
        bench = Bench((str(tmp_path),), (str(tmp_path),), steps=140, crop=32, batch=4)
        vae = bench.train(Variational(n=12, m=100, lambda_=0.0005, free_bits=free_bits))
        active.append(measure(vae, bench.pictures, full_precision).active)
    assert active[0] < 80, active  # under so much noise, most channels are not worth their price
    assert active[1] > 1.2 * active[0], active


def test_a_given_lambda_fixes_the_noise(pictures: Path, tmp_path: Path) -> None:
    objective = Variational(n=8, m=4, lambda_=0.02)
    config = TrainConfig((str(pictures),), str(tmp_path), steps=3, crop=32, batch=2, precision="fp32")
    vae = load_vae(train(objective, config))
    assert torch.equal(vae.log_scale, objective.build().log_scale)


def test_l1_does_not_go_with_lambda(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--steps", "1", "--noise", "laplace", "--lambda", "0.1"]
    assert main(["vae", "train", str(pictures), "-o", str(tmp_path / "run"), *options]) == 2
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
    assert main(["vae", "sample", str(tmp_path / "run"), "-o", str(tmp_path / "x.png")]) == 1
    assert "lic vae train" in capsys.readouterr().err


def drawn(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_panels_hold_what_was_asked_for(run: Path, pictures: Path, tmp_path: Path) -> None:
    out, photo, part = tmp_path / "out.png", str(pictures / "photo.png"), str(pictures / "part.png")
    gap = tool.GAP
    assert main(["vae", "sample", str(run), "-o", str(out), "--count", "6", "--size", "32x48"]) == 0
    assert drawn(out) == (3 * (48 + gap) - gap, 2 * (32 + gap) - gap)
    assert main(["vae", "reconstruct", str(run), photo, "-o", str(out), "--samples", "2"]) == 0
    assert drawn(out) == (4 * (256 + gap) - gap, 192)
    assert main(["vae", "interpolate", str(run), photo, part, "-o", str(out), "--steps", "3"]) == 0
    assert drawn(out) == (3 * (144 + gap) - gap, 96)
    assert main(["vae", "traverse", str(run), part, "-o", str(out), "--channels", "2"]) == 0
    assert drawn(out) == (7 * (144 + gap) - gap, 2 * (96 + gap) - gap)


def test_the_same_seed_draws_the_same_samples(run: Path) -> None:
    vae = load_vae(run)
    first, again, other = (tool.sample_rows(vae, 1, (16, 16), seed)[0][0] for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_interpolation_ends_at_the_reconstructions(run: Path, pictures: Path) -> None:
    vae, x = load_vae(run), tool.read(pictures / "part.png")
    row = tool.between(vae, x, x.flip(3), 5)
    assert torch.allclose(row[0], vae.reconstruct(x)[0], atol=1e-5)
    assert torch.allclose(row[-1], vae.reconstruct(x.flip(3))[0], atol=1e-5)


def test_a_traversal_passes_through_the_reconstruction(run: Path, pictures: Path) -> None:
    vae, x = load_vae(run), tool.read(pictures / "part.png")
    (row,) = tool.traversals(vae, x, channels=1, span=2.0)
    assert torch.allclose(row[3], vae.reconstruct(x)[0], atol=1e-5)
    steps = [float((a - row[3]).square().mean()) for a in row]
    assert steps[0] > steps[1] > steps[2] > 0 < steps[4] < steps[5] < steps[6]


def test_a_picture_too_small_is_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (15, 40)).save(tmp_path / "small.png")
    command = ["vae", "reconstruct", str(run), str(tmp_path / "small.png"), "-o", str(tmp_path / "x.png")]
    assert main(command) == 1
    assert "16 x 16" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["64", "20x32", "0x16"])
def test_sizes_off_the_grid_are_refused(text: str) -> None:
    with pytest.raises((ValueError, tool.argparse.ArgumentTypeError)):
        tool.size(text)


def test_any_untrained_vae_can_be_looked_into() -> None:
    vae = Vae(n=8, m=4).requires_grad_(False)
    result = tool.reconstruct(vae, torch.rand(1, 3, 16, 32), 3, torch.Generator().manual_seed(0))
    assert result.deviation.shape == (3, 16, 32) and (result.deviation >= 0).all()
