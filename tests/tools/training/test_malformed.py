"""Malformed checkpoints, models and results end a command with one line, whatever is wrong in them."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from lic.tools.cli import main
from lic.tools.training.checkpoint import CHECKPOINT, INFO, read_info
from tests.conftest import Pixels

Captured = pytest.CaptureFixture[str]
ODD = (None, True, -1, 0, 2.5, 10**400, "", "x", [], [[]], {}, {"a": 1}, ["a"], [1e308], 2**63, "\ud800")


@pytest.fixture(scope="module")
def run(photo: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of one step."""
    folder = tmp_path_factory.mktemp("training")
    Image.fromarray(photo).save(folder / "a.png")
    choices = ["--steps", "1", "--crop", "32", "--batch", "1", "--channels", "4", "--latents", "6", "--lambdas", "0.01"]
    assert main(["train", str(folder / "a.png"), "-o", str(folder / "run"), *choices]) == 0
    return folder / "run"


def changes(info: dict[str, Any], choice: random.Random) -> dict[str, Any]:
    """The description of a checkpoint with one value that is something else."""
    place = choice.choice([info, info["config"]])
    name = choice.choice([*place])
    other = (
        place | {name: choice.choice(ODD)} if choice.random() < 0.8 else {k: v for k, v in place.items() if k != name}
    )
    return other if place is info else info | {"config": other}


def one_line(arguments: list[str], capsys: Captured) -> None:
    try:
        code = main(arguments)
    except SystemExit as exit:  # of argparse
        code = int(exit.code or 0)
    said = capsys.readouterr()
    assert code in (0, 1, 2)
    assert "Traceback" not in said.err
    if code:
        assert said.err.splitlines()[-1].startswith("lic ") and len(said.err.splitlines()[-1]) < 1000


@pytest.mark.parametrize("seed", range(10))
def test_a_malformed_checkpoint_is_one_line(seed: int, run: Path, tmp_path: Path, capsys: Captured) -> None:
    choice = random.Random(seed)
    tensors, info = load_file(run / CHECKPOINT), read_info(run / CHECKPOINT)
    text = json.dumps(choice.choice(ODD) if choice.random() < 0.1 else changes(info, choice))
    if choice.random() < 0.3:
        name = choice.choice([*tensors])
        tensors |= {choice.choice([name, name + ".x", "optimizer.x"]): torch.zeros(choice.randrange(3))}
    save_file(tensors, tmp_path / CHECKPOINT, {INFO: "[" * 100_000 if seed == 0 else text})
    one_line(["train", "-o", str(tmp_path), "--resume", "--steps", "1"], capsys)
    one_line(["export", str(tmp_path), "-o", str(tmp_path / "x.safetensors"), "--plain"], capsys)
