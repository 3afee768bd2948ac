"""The codec's objective: loss, lambda points, and starts from trained models."""

import copy
import dataclasses
import math
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lic import decode, encode
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.torch_network import thaw
from lic.models.autoencoder import Coded
from lic.models.constants import PEAK
from lic.models.distortion import ms_ssim
from lic.tools.training.checkpoint import CHECKPOINT, read_checkpoint, save_checkpoint, section
from lic.tools.training.choices import Looks, TrainConfig
from lic.tools.training.distortions import MSE_SHARE
from lic.tools.training.loop import train
from lic.tools.training.objective import Moment
from lic.tools.training.rate_distortion import (
    REVIVED_SLOPE,
    RateDistortion,
    read_network,
    revive,
    rows_at,
)
from lic.tools.training.scores import measure
from tests.conftest import Pixels
from tests.tools.tiny import Tiny

MIDDLE = Moment(step=1, progress=0.5, final=False)


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.rand(2, 3, 176, 176, generator=torch.Generator().manual_seed(0))


def loss_of(objective: RateDistortion, x: Tensor, y: Tensor, bits: list[float]) -> float:
    """The loss of a batch whose pictures are at lambda points 0 and 1, for a net that answers y and bits."""
    draws = torch.tensor([0, 1]), torch.tensor(objective.lambdas), torch.zeros(2), torch.zeros(())
    loss, _ = objective.loss(lambda *_: Coded(y, torch.tensor(bits)), x, draws, MIDDLE)
    return float(loss)


def test_the_loss_is_bits_per_pixel_plus_lambda_times_squared_grey_levels(x: Tensor) -> None:
    y = x + 2 / PEAK  # an error of 2 grey levels everywhere
    loss = loss_of(Tiny(lambdas=(0.01, 0.1)), x, y, [0.5 * 176**2, 1.5 * 176**2])
    assert loss == pytest.approx(((0.5 + 0.01 * 4) + (1.5 + 0.1 * 4)) / 2, rel=1e-4)


def test_balance_weighs_the_loss_of_each_lambda_point(x: Tensor) -> None:
    y = x + 2 / PEAK
    loss = loss_of(Tiny(lambdas=(0.01, 0.04), balance=0.5), x, y, [0.5 * 176**2, 1.5 * 176**2])
    assert loss == pytest.approx((2**0.5 * (0.5 + 0.01 * 4) + 0.5**0.5 * (1.5 + 0.04 * 4)) / 2, rel=1e-4)


def test_ms_ssim_can_be_the_distortion(x: Tensor) -> None:
    y = 0.8 * x + 0.2 * x.roll(1, dims=3)
    loss = loss_of(Tiny(lambdas=(10.0, 20.0), distortion="ms-ssim"), x, y, [0.0, 176**2])
    a, b = ms_ssim(y, x).tolist()
    assert 0 < a < 0.999
    assert loss == pytest.approx((10 * (1 - a) + 1 + 20 * (1 - b)) / 2, rel=1e-4)


def test_a_small_part_of_the_squared_error_can_be_added_to_ms_ssim(x: Tensor) -> None:
    y = 0.8 * x + 0.2 * x.roll(1, dims=3)
    without, with_it = (
        loss_of(Tiny(lambdas=(12.5, 25.0), distortion=name), x, y, [0.0, 0.0]) for name in ("ms-ssim", "ms-ssim+mse")
    )
    a, b = (PEAK * (y - x)).square().mean(dim=(1, 2, 3)).tolist()
    assert with_it - without == pytest.approx(MSE_SHARE * (0.01 * a + 0.02 * b) / 2, rel=1e-3)


def test_a_batch_takes_the_lambda_points_in_turn() -> None:
    objective = Tiny(lambdas=(0.1, 0.2, 0.4))
    for seed in range(20):
        point, lambda_, _, noise = objective.draw(24, 16, torch.Generator().manual_seed(seed))
        assert noise.shape == (24, 6, 1, 1)
        assert lambda_.tolist() == pytest.approx([(0.1, 0.2, 0.4)[k] for k in point])
        for parts in (1, 2, 4, 8):  # of several processes
            for part in point.view(parts, -1):
                assert part.bincount().tolist() == [24 // parts // 3] * 3
    starts = {int(objective.draw(4, 16, torch.Generator().manual_seed(seed))[0][0]) for seed in range(20)}
    assert starts == {0, 1, 2}, "else small batches prefer some points"


def test_only_the_points_to_train_are_drawn() -> None:
    points = Tiny(lambdas=(0.1, 0.2, 0.4), only_gains=(0.2,)).draw(8, 16, torch.Generator())[0]
    assert set(points.tolist()) == {1}


@pytest.mark.parametrize(("look_twice", "part"), [("always", 1.0), ("half", 0.5), ("never", 0.0)])
def test_pictures_are_looked_at_twice_always_or_half_of_them_or_never(look_twice: Looks, part: float) -> None:
    objective = Tiny(lambdas=(0.1, 0.2, 0.4), second_look=(0.0, 0.5, 1.0), look_twice=look_twice)
    seen: dict[int, list[float]] = {0: [], 1: [], 2: []}
    for seed in range(40):
        point, _, share, _ = objective.draw(12, 16, torch.Generator().manual_seed(seed))
        for k, value in zip(point.tolist(), share.tolist(), strict=True):
            seen[k].append(value)
    for k, wanted in enumerate(objective.second_look):
        twice = [value for value in seen[k] if value]
        assert set(twice) <= {wanted}
        assert len(twice) == (part * len(seen[k]) if wanted else 0)
    assert bool(objective.build().shares.any()) == (part > 0)


def test_gains_of_one_point_follow_theory_to_others() -> None:
    rows = rows_at([0.01, 0.04], [0.01], torch.zeros(1, 5), slope=0.5)
    assert rows[0].tolist() == [0.0] * 5
    assert rows[1].exp().tolist() == pytest.approx([2.0] * 5)


def test_added_gains_lie_between_and_beyond_those_of_the_model(tiny_model: FrozenModel, tiny_model_path: Path) -> None:
    objective = RateDistortion((0.002, 0.02, 0.2, 2.0), n=8, m=12, start_from=str(tiny_model_path))
    model = objective.build()
    objective.start(model, torch.zeros(0))
    old = thaw(tiny_model)
    assert torch.equal(model.log_gain[:3], old.log_gain)
    torch.testing.assert_close(model.log_gain[3], 2 * old.log_gain[2] - old.log_gain[1])
    assert all(
        torch.equal(value, old.state_dict()[name])
        for name, value in model.state_dict().items()
        if not name.startswith("log_")
    )


def test_channels_that_a_point_gave_up_come_back_from_the_next_point() -> None:
    model = RateDistortion((0.01, 0.02, 0.04), n=8, m=12).build()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        model.log_gain[:2, 3] -= 5.0
        model.log_inverse_gain[:2, 3] = 1.0
    revive(model)
    for name, sign in (("log_gain", -1), ("log_inverse_gain", 1)):
        value = model.state_dict()[name]
        others = torch.arange(12) != 3
        assert torch.equal(value[:, others], before[name][:, others]), "what is alive stays as it is"
        steps = value[1:, 3] - value[:-1, 3]
        assert steps.tolist() == pytest.approx([-sign * REVIVED_SLOPE * math.log(2)] * 2)


def test_training_starts_with_channels_revived_unless_only_gains_are_trained(tmp_path: Path) -> None:
    first = RateDistortion((0.01, 0.04), n=8, m=12)
    model = first.build()
    with torch.no_grad():
        model.log_gain[0, 3] -= 5.0
    state, info = model.state_dict(), {"config": {"kind": "balle2017", "n": 8, "m": 12, "lambdas": [0.01, 0.04]}}
    save_checkpoint(tmp_path / CHECKPOINT, model, copy.deepcopy(model), torch.optim.Adam(model.parameters()), info)
    again = dataclasses.replace(first, start_from=str(tmp_path))
    added = dataclasses.replace(again, lambdas=(0.01, 0.04, 0.1), only_gains=(0.1,))
    for objective, revived in ((again, True), (added, False)):
        started = objective.build()
        objective.start(started, torch.zeros(0))
        assert torch.equal(started.log_gain[:2], state["log_gain"]) != revived
        assert torch.equal(started.log_gain[1], state["log_gain"][1])


def test_training_only_gains_leaves_all_else_and_all_other_points(
    config: TrainConfig, tiny_model: FrozenModel, tiny_model_path: Path
) -> None:
    objective = RateDistortion((0.002, 0.02, 0.05, 0.2), 8, 12, start_from=str(tiny_model_path), only_gains=(0.05,))
    path = train(objective, dataclasses.replace(config, steps=6))
    state = section(read_checkpoint(path)[0], "average")
    old = thaw(tiny_model).state_dict()
    for name in ("log_gain", "log_inverse_gain"):
        assert torch.equal(state[name][[0, 1, 3]], old[name])
        between = (state[name][2] - old[name][1]) / (old[name][2] - old[name][1])
        assert not torch.allclose(between, between.mean(), atol=1e-6), "the new gains are not trained"
    assert all(torch.equal(value, old[name]) for name, value in state.items() if not name.startswith("log_"))


def test_a_run_can_give_the_start(config: TrainConfig) -> None:
    path = train(Tiny(), config)
    network, distortion = read_network(config.output)
    assert distortion == "mse"
    state = section(read_checkpoint(path)[0], "average")
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_ms_ssim_starts_at_the_gains_of_the_mse_lambdas_that_spend_as_many_bits(tiny_model_path: Path) -> None:
    like = RateDistortion((12.5, 25.0), n=8, m=12, distortion="ms-ssim", start_from=str(tiny_model_path))
    mse = RateDistortion((0.01, 0.02), n=8, m=12, start_from=str(tiny_model_path))
    models = [objective.build() for objective in (like, mse)]
    for objective, model in zip((like, mse), models, strict=True):
        objective.start(model, torch.zeros(0))
    torch.testing.assert_close(models[0].log_gain, models[1].log_gain)


def test_what_is_measured_is_what_a_file_has(tiny_model: FrozenModel, photo: Pixels) -> None:
    pixels = np.ascontiguousarray(photo[:192, :256])
    picture = torch.from_numpy(pixels).permute(2, 0, 1)
    for score in measure(thaw(tiny_model), [picture], nullcontext):
        data = encode(pixels, lambda_=score.lambda_, model="tiny")
        bpp = 8 * len(data) / (192 * 256)
        assert score.bpp == pytest.approx(bpp, rel=0.03, abs=8 * 40 / (192 * 256))  # a header, and whole words
        mse = float(np.square(np.asarray(decode(data), float) - pixels).mean())
        assert score.psnr == pytest.approx(10 * math.log10(PEAK**2 / mse), abs=0.01)
        assert score.loss == pytest.approx(score.bpp + score.lambda_ * mse, rel=1e-3)


def test_ms_ssim_is_measured_where_it_is_the_distortion(tiny_model: FrozenModel, photo: Pixels) -> None:
    picture = torch.from_numpy(photo[:192, :256].copy()).permute(2, 0, 1)
    for score in measure(thaw(tiny_model), [picture], nullcontext, "ms-ssim"):
        assert score.distortion is not None and 0 < score.distortion < 0.5
        assert score.loss == pytest.approx(score.bpp + score.lambda_ * score.distortion)
