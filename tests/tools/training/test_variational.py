"""Properties of the objective of the VAE."""

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from PIL import Image

from lic.tools.course.small_trainings import Bench
from lic.tools.training.choices import TrainConfig
from lic.tools.training.loop import train
from lic.tools.training.objective import Moment
from lic.tools.training.variational import Variational, load_vae, measure
from tests.conftest import Pixels


def loss_of(objective: Variational, progress: float) -> float:
    torch.manual_seed(0)
    vae = objective.build()
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    draws = objective.draw(2, 32, torch.Generator().manual_seed(0))
    return float(objective.loss(vae, x, draws, Moment(0, progress, final=False))[0].detach())


def test_kl_warm_up_and_free_bits_lower_the_loss_while_they_last() -> None:
    plain = loss_of(Variational(n=8, m=4), 0.1)
    warming = Variational(n=8, m=4, kl_warmup=0.5)
    assert loss_of(warming, 0.0) < loss_of(warming, 0.1) < plain
    assert loss_of(warming, 0.5) == pytest.approx(plain)
    assert loss_of(Variational(n=8, m=4, free_bits=100.0), 0.1) > plain  # the floor counts, its gradient does not


@pytest.mark.slow
def test_free_bits_keep_channels_from_collapsing(photo: Pixels, tmp_path: Path) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    active = []
    for free_bits in (0.0, 0.1):
        bench = Bench((str(tmp_path),), (str(tmp_path),), steps=140, crop=32, batch=4)
        vae = bench.train(Variational(n=12, m=100, lambda_=0.0005, free_bits=free_bits))
        active.append(measure(vae, bench.pictures, nullcontext).active)
    assert active[0] < 80, active  # under so much noise, most channels are not worth their price
    assert active[1] > 1.2 * active[0], active


def test_a_given_lambda_fixes_the_noise(pictures: Path, tmp_path: Path) -> None:
    objective = Variational(n=8, m=4, lambda_=0.02)
    config = TrainConfig((str(pictures),), str(tmp_path), steps=3, crop=32, batch=2, precision="fp32")
    vae = load_vae(train(objective, config))
    assert torch.equal(vae.log_scale, objective.build().log_scale)
