"""What the training loop promises, whatever it trains."""

import dataclasses
import math
import signal
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from lic.tools.checkpoint import read_checkpoint
from lic.tools.loop import Now, TrainConfig, train
from lic.tools.rate_distortion import RateDistortion
from tests.conftest import Pixels


@pytest.fixture(scope="module")
def pictures(photo: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(photo).save(folder / "photo.png")
    return folder


@dataclasses.dataclass(frozen=True)
class Tiny(RateDistortion):
    """The codec's objective on a tiny network, which stops, or loses its mind, at chosen steps."""

    lambdas: tuple[float, ...] = (0.01, 0.1)
    n: int = 4
    m: int = 6
    stop_after: int = -1
    not_finite: tuple[int, ...] = ()

    def loss(self, net: nn.Module, x: Tensor, draws: tuple[Tensor, ...], now: Now) -> tuple[Tensor, dict[str, Tensor]]:
        if now.step == self.stop_after:
            signal.raise_signal(signal.SIGTERM)
        if now.step in self.not_finite:
            x = x * math.nan
        return super().loss(net, x, draws, now)


@pytest.fixture
def config(pictures: Path, tmp_path: Path) -> TrainConfig:
    return TrainConfig(
        data=(str(pictures),),
        output=str(tmp_path / "run"),
        steps=20,
        crop=32,
        batch=4,
        device="cpu",
        warmup=5,
    )


def weights(path: Path) -> dict[str, Tensor]:
    return read_checkpoint(path)[0]


def test_a_resumed_run_finds_the_same_weights_bit_for_bit(config: TrainConfig, tmp_path: Path) -> None:
    whole = weights(train(Tiny(), config))
    broken = dataclasses.replace(config, output=str(tmp_path / "broken"))
    assert read_checkpoint(train(Tiny(stop_after=9), broken))[1]["step"] == 10
    resumed = weights(train(Tiny(), broken, resume=True))
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
