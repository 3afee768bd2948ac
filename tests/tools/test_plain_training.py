"""The training in one file: it learns, resumes exactly, and leaves a model that the codec takes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import lic
from lic.tools import plain_training
from tests.conftest import Pixels

TINY = "--channels 4 --latents 6 --lambdas 0.01,0.04 --crop 32 --batch 4 --held-out 1 --export-crops 4 --warmup 2"


@pytest.fixture
def photos(photo: Pixels, tmp_path: Path) -> str:
    folder = tmp_path / "photos"
    folder.mkdir()
    for k in range(3):
        Image.fromarray(photo[20 * k : 20 * k + 96, 30 * k : 30 * k + 128]).save(folder / f"{k}.png")
    return str(folder)


@pytest.mark.parametrize("architecture", ["balle2017", "residual"])
def test_a_folder_becomes_a_model_that_encodes(
    architecture: str, photos: str, photo: Pixels, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = f"{photos} -o {tmp_path / 'run'} --steps 40 --architecture {architecture} {TINY} --validate-every 20"
    plain_training.main(options.split())
    model = tmp_path / "run" / "model.safetensors"
    data = lic.encode(photo[:60, :90], model=model, quality=100, lossless=False)
    error = np.asarray(lic.decode(data, model=model)).astype(float) - photo[:60, :90]
    assert np.sqrt(np.square(error).mean()) < photo.std() / 2
    scores = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines() if line.startswith("score")]
    assert len(scores) == 2 and scores[1] < scores[0]


def test_a_resumed_run_is_the_same_bit_for_bit(photos: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_training, "export", lambda *_: None)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = f"{photos} {TINY} --steps 4 --validate-every 2 -o".split()
    plain_training.main([*options, str(whole)])

    def interrupted(step: int, config: plain_training.Config) -> float:
        if step == 3:
            raise KeyboardInterrupt
        return learning_rate(step, config)

    learning_rate = plain_training.learning_rate
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(plain_training, "learning_rate", interrupted)
        plain_training.main([*options, str(broken)])
    plain_training.main([*options, str(broken), "--resume"])
    one, other = (torch.load(run / "checkpoint.pt", weights_only=True)["average"] for run in (whole, broken))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_run_is_not_overwritten(photos: str, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"a run")
    with pytest.raises(SystemExit):
        plain_training.main(f"{photos} -o {tmp_path} --steps 1 {TINY}".split())
