"""Properties of the training loop for every objective."""

import dataclasses
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from lic.models.autoencoder import RateDistortionAutoencoder
from lic.tools.cli import main
from lic.tools.extras import ExtraNeeded
from lic.tools.training.checkpoint import BEST, CHECKPOINT, read_checkpoint, read_info, section
from lic.tools.training.choices import TrainConfig
from lic.tools.training.loop import PATIENCE, TrainingDiverged, draw_batch, learning_rate, train
from lic.tools.training.objective import Autocast, Moment, Validation
from lic.tools.training.parallel import Processes
from lic.tools.training.pictures import PictureStore
from lic.tools.training.rate_distortion import RateDistortion
from lic.tools.training.run_figure import read_table, run_figure
from lic.tools.training.run_log import LOG, LOG_STEPS, VALIDATION
from lic.tools.usage import BadOptions
from tests.tools.tiny import Tiny


def tensors(path: Path) -> dict[str, Tensor]:
    return read_checkpoint(path)[0]


@pytest.mark.parametrize("stop_at", [9, 24], ids=["before the final share", "within it"])
@pytest.mark.parametrize("optimizer", ["adam", "soap"])
def test_a_resumed_run_finds_the_same_weights_bit_for_bit(
    config: TrainConfig, tmp_path: Path, stop_at: int, optimizer: str
) -> None:
    config = dataclasses.replace(config, steps=30, optimizer=optimizer)
    whole = tensors(train(Tiny(rounded_share=0.3), config))
    broken = dataclasses.replace(config, output=str(tmp_path / "broken"))
    with pytest.raises(KeyboardInterrupt):
        train(Tiny(rounded_share=0.3, stop_at=stop_at), broken)
    assert read_info(tmp_path / "broken" / CHECKPOINT)["step"] == stop_at + 1
    resumed = tensors(train(Tiny(rounded_share=0.3), broken, resume=True))
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def test_the_final_share_trains_the_decoder_alone(config: TrainConfig, tmp_path: Path) -> None:
    before = tensors(train(Tiny(rounded_share=0.0), dataclasses.replace(config, lr=0.0)))
    config = dataclasses.replace(config, output=str(tmp_path / "final"), warmup=1)
    after = tensors(train(Tiny(rounded_share=0.99), config))
    moved = {name for name, value in section(after, "model").items() if not torch.equal(value, before["model." + name])}
    # The first step is before the final share, and Adam moves all; so the analysis is compared by its Adam steps.
    assert "synthesis.0.weight" in moved
    steps = {name: int(value) for name, value in after.items() if name.endswith(".step")}
    assert set(steps.values()) == {1, 3}


def test_a_step_that_is_not_finite_is_reported_and_skipped(
    config: TrainConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    path = train(Tiny(nan_at=(0,)), dataclasses.replace(config, steps=1))
    assert "step 0: the loss or its gradient is not finite" in capsys.readouterr().out
    state, info = read_checkpoint(path)
    assert info["step"] == 1
    assert not any(value.any() for value in section(state, "optimizer").values())
    assert all(torch.equal(value, state["average." + name]) for name, value in section(state, "model").items())


def test_steps_that_are_never_finite_end_the_run_and_keep_its_checkpoint(config: TrainConfig) -> None:
    config = dataclasses.replace(config, steps=100)
    with pytest.raises(TrainingDiverged, match=f"{PATIENCE} non-finite steps in a row, up to step {PATIENCE}"):
        train(Tiny(nan_at=tuple(range(1, 100))), config)
    state, info = read_checkpoint(Path(config.output, CHECKPOINT))
    assert info["step"] == 0
    assert all(value.isfinite().all() for value in state.values())


@dataclasses.dataclass(frozen=True)
class Scored(Tiny):
    """Returns given scores."""

    scores: tuple[float, ...] = ()

    def validate(self, model: RateDistortionAutoencoder, pictures: list[Tensor], autocast: Autocast) -> Validation:
        return Validation(next(self._scores), "a table", [{"lambda": 0.01}])

    def __post_init__(self) -> None:
        object.__setattr__(self, "_scores", iter(self.scores))


def test_the_best_checkpoint_is_kept(config: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    config = dataclasses.replace(config, valid=config.data, validate_minutes=0.0)
    path = train(Scored(scores=(4.0, 3.0, 1.0, 2.0, 2.0)), config)
    assert read_info(path)["step"] == 3
    best = read_info(path.with_name(BEST))
    assert (best["step"], best["score"], best["validation"]) == (2, 1.0, [{"lambda": 0.01}])
    assert "validation at step 2\na table" in capsys.readouterr().out


def test_a_resumed_run_keeps_a_better_checkpoint_from_before(config: TrainConfig) -> None:
    config = dataclasses.replace(config, valid=config.data)
    path = train(Scored(scores=(2.0, 1.0)), config)
    train(Scored(scores=(1.5,)), dataclasses.replace(config, steps=4), resume=True)
    assert read_info(path)["step"] == 4
    assert read_info(path.with_name(BEST))["step"] == 3


def test_the_log_holds_what_the_screen_shows_and_more(config: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    train(Tiny(), dataclasses.replace(config, steps=LOG_STEPS))
    (record,) = read_table(config.output, LOG)
    assert [*record] == ["step", "elapsed", "bpp", "psnr", "loss", "lr", "gradient", "patches_per_s"]
    assert 0 < record["lr"] < config.lr and record["gradient"] > 0
    shown = capsys.readouterr().out
    assert shown.startswith("training on 1 pictures, 0.1 megapixels, by cpu\n")
    assert (f"\nstep {LOG_STEPS}  bpp {record['bpp']:.3f}  psnr {record['psnr']:.3f}  loss") in shown
    assert shown.endswith("patches/s  0:00 left\n")


def test_validations_are_a_table_with_a_row_for_each_lambda_point(config: TrainConfig) -> None:
    config = dataclasses.replace(config, valid=config.data)
    train(Tiny(), config)
    train(Tiny(), dataclasses.replace(config, steps=4), resume=True)
    rows = read_table(config.output, VALIDATION)
    assert [(row["step"], row["lambda_"]) for row in rows] == [
        (k, lambda_) for k in (0, 3, 4) for lambda_ in (0.01, 0.04)
    ]
    assert {"score", "bpp", "psnr", "loss"} <= rows[0].keys()


class Writer:
    """What TensorBoard is given."""

    def __init__(self) -> None:
        self.scalars: dict[str, list[int]] = {}
        self.images: dict[str, Tensor] = {}

    def add_scalar(self, name: str, value: float, step: int) -> None:
        assert math.isfinite(value)
        self.scalars.setdefault(name, []).append(step)

    def add_image(self, name: str, picture: Tensor, step: int) -> None:
        self.images[name] = picture

    def close(self) -> None:
        pass


def test_tensorboard_shows_rates_validations_of_each_point_and_pictures(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer()
    monkeypatch.setattr("lic.tools.training.run_log._summary_writer", lambda output: writer)
    monkeypatch.setattr("lic.tools.training.loop.require", lambda module: None)
    train(Tiny(), dataclasses.replace(config, steps=LOG_STEPS, valid=config.data, tensorboard=True))
    in_training = {f"training/{name}" for name in ("bpp", "psnr", "loss", "lr", "gradient", "patches_per_s")}
    of_points = {
        f"validation of lambda {lambda_}/{name}" for lambda_ in (0.01, 0.04) for name in ("bpp", "psnr", "loss")
    }
    assert writer.scalars.keys() == in_training | of_points | {"validation/score"}
    assert writer.scalars["validation/score"] == [0, LOG_STEPS]
    assert writer.images.keys() == {"picture", "lambda 0.01", "lambda 0.04"}
    assert len({tuple(picture.shape) for picture in writer.images.values()}) == 1


def test_a_missing_tensorboard_says_how_to_get_it_before_pictures_are_read(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ExtraNeeded, match=r"lic-codec\[tensorboard\]"):
        train(Tiny(), dataclasses.replace(config, tensorboard=True, data=("nowhere",)))


def test_runs_are_drawn_side_by_side(config: TrainConfig, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    config = dataclasses.replace(config, steps=2 * LOG_STEPS, valid=config.data)
    train(Tiny(), config)
    other = dataclasses.replace(config, output=str(tmp_path / "other"), valid=())
    train(Tiny(), other)
    figure = run_figure([config.output, other.output])
    by_label = {axis.get_ylabel(): axis for axis in figure.axes}
    assert len(by_label["loss in training"].lines) == 2
    (scores,) = [line for line in by_label["score on held-out pictures"].lines if len(line.get_xdata())]
    assert [*scores.get_xdata()] == [0, 40]
    assert [len(line.get_xdata()) for line in by_label["PSNR, dB"].lines] == [2]
    assert main(["plot", config.output, other.output, "-o", str(tmp_path / "runs.svg")]) == 0
    assert main(["plot", str(tmp_path), "-o", str(tmp_path / "none.svg")]) == 2


@pytest.mark.parametrize("stop_at", [2, 5])
def test_a_run_with_little_memory_sees_some_pictures_at_a_time_and_resumes_exactly(
    config: TrainConfig, tmp_path: Path, stop_at: int
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (7, 40, 48, 3), np.uint8)
    for k, pixels in enumerate(noise):
        Image.fromarray(pixels).save(folder / f"{k}.png")
    config = dataclasses.replace(config, data=(str(folder),), steps=8, memory=3 * 40 * 48 * 4 / 1e9)
    whole = tensors(train(Tiny(), config))
    broken = dataclasses.replace(config, output=str(tmp_path / "broken"))
    with pytest.raises(KeyboardInterrupt):
        train(Tiny(stop_at=stop_at), broken)
    resumed = tensors(train(Tiny(), broken, resume=True))
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_the_learning_rate_warms_up_and_ends_each_phase_at_zero() -> None:
    config = TrainConfig(data=(), output="", steps=1000, lr=1.0, warmup=10)

    def rate(step: int) -> float:
        return learning_rate(config, Moment(step, step / 1000, final=step >= 800), final_share=0.2)

    assert rate(0) == pytest.approx(0.1)
    assert rate(9) == pytest.approx(1.0, abs=1e-3)
    assert rate(400) == pytest.approx(0.5)
    assert rate(799) == pytest.approx(0, abs=1e-4)
    assert rate(800) == 0.5
    assert rate(999) == pytest.approx(0, abs=1e-4)


def test_any_number_of_processes_shares_the_same_joint_batch(config: TrainConfig) -> None:
    generator = torch.Generator().manual_seed(0)
    picture = torch.randint(256, (3, 64, 80), generator=generator, dtype=torch.uint8)
    store = PictureStore([picture], crop=32)

    def draw(rank: int, world: int) -> list[Tensor]:
        x, draws = draw_batch(Tiny(), config, store, 7, Processes(rank, world))
        return [x, *draws]

    for whole, *parts in zip(draw(0, 1), draw(0, 2), draw(1, 2), strict=True):
        assert torch.equal(whole, torch.cat(parts))


@pytest.mark.slow
def test_two_processes_find_the_gradients_of_one_with_the_joint_batch(config: TrainConfig, tmp_path: Path) -> None:
    # After one step of Adam, the mean is the gradient, times 1 - 0.9.
    def gradients(checkpoint: Path) -> dict[str, Tensor]:
        optimizer = section(tensors(checkpoint), "optimizer")
        return {name: value for name, value in optimizer.items() if name.endswith(".mean")}

    config = dataclasses.replace(config, steps=1, precision="fp32", clip=1e9)
    one = gradients(train(RateDistortion(n=4, m=6), config))
    command = "-m torch.distributed.run --standalone --nproc-per-node 2 -m lic train"
    options = f"{config.data[0]} -o {tmp_path / 'two'} --steps 1 --crop 32 --batch 4 --channels 4 --latents 6"
    options += " --precision fp32 --clip 1e9 --device cpu"
    done = subprocess.run([sys.executable, *command.split(), *options.split()], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("training on 1 pictures") == done.stdout.count("next: lic export") == 1
    two = gradients(tmp_path / "two" / CHECKPOINT)
    assert one.keys() == two.keys()
    assert all(value.any() for value in one.values())
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-4, atol=1e-5 * float(value.abs().max()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": None}, "either `steps` or `hours`"),
        ({"hours": 1.0}, "either `steps` or `hours`"),
        ({"steps": 0}, "more than 0"),
        ({"crop": 40}, "multiple of 16"),
        ({"batch": 0}, "1 or more"),
    ],
)
def test_a_config_that_cannot_work_says_why(config: TrainConfig, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadOptions, match=message):
        dataclasses.replace(config, **changes)


def test_a_batch_must_be_shared_evenly(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(BadOptions, match="`batch` 4 cannot be shared evenly by 3 processes"):
        train(Tiny(), config)


def test_an_unknown_device_is_named(config: TrainConfig) -> None:
    with pytest.raises(BadOptions, match="cannot use device abacus"):
        train(Tiny(), dataclasses.replace(config, device="abacus"))


def test_a_run_is_not_overwritten(config: TrainConfig) -> None:
    path = train(Tiny(), config)
    before = path.read_bytes()
    with pytest.raises(BadOptions, match="holds a run: go on with it by `resume`"):
        train(Tiny(), config)
    assert path.read_bytes() == before


def test_time_can_be_the_limit(config: TrainConfig) -> None:
    path = train(Tiny(), dataclasses.replace(config, steps=None, hours=1e-9))
    assert read_info(path)["step"] == 1
    assert math.isfinite(read_info(path)["elapsed"])
