"""Small trainings under equal conditions, for comparisons and figures: the training loop in a temporary folder."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from lic.tools.extras import require
from lic.tools.training.checkpoint import read_checkpoint, section
from lic.tools.training.choices import TrainConfig
from lic.tools.training.loop import train
from lic.tools.training.objective import Model, Objective
from lic.tools.training.pictures import load_pictures, whole_blocks

SHORT: dict[str, Any] = {"lr": 1e-3, "warmup": 50, "ema": 0.99, "precision": "fp32", "device": "cpu"}
# Photographs that come with scikit-image.
TO_LEARN_FROM = ("astronaut.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "hubble_deep_field.jpg")
TO_MEASURE_ON = ("chelsea.png",)


@dataclass(frozen=True)
class Bench:
    """The conditions that all trainings of a comparison share."""

    data: tuple[str, ...]
    held_out: Sequence[str]
    steps: int = 600  # of each training
    crop: int = 64
    batch: int = 8
    seed: int = 0

    @cached_property
    def pictures(self) -> list[Tensor]:
        """The held-out pictures, uint8, sides cut to multiples of 16."""
        return [whole_blocks(picture) for picture in load_pictures(self.held_out, self.crop, quiet=True)]

    def train(self, objective: Objective[Model]) -> Model:
        """Train from a new start and return the averaged network."""
        with tempfile.TemporaryDirectory() as folder:
            own = {"steps": self.steps, "crop": self.crop, "batch": self.batch, "seed": self.seed}
            config = TrainConfig(self.data, folder, **SHORT | own)
            tensors, _ = read_checkpoint(train(objective, config))
        network = objective.build()
        network.load_state_dict(section(tensors, "average"))
        return network.requires_grad_(False)


def sample_paths(names: tuple[str, ...]) -> tuple[str, ...]:
    """The paths of these files.

    >>> len(sample_paths(TO_LEARN_FROM)), all(Path(p).exists() for p in sample_paths(TO_MEASURE_ON))
    (5, True)
    """
    folder = Path(require("skimage").__file__).parent / "data"
    return tuple(str(folder / name) for name in names)
