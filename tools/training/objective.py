"""The interface between the training loop and its objectives."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn

Autocast = Callable[[], AbstractContextManager[Any]]
Forward = Callable[..., Any]  # calls the model, in the training's precision and for all processes together
Model = TypeVar("Model", bound=nn.Module)


class Moment(NamedTuple):
    """When in the run a step is taken."""

    step: int
    progress: float  # 0 to 1
    final: bool  # in the final share, after `Objective.freeze`


class Validation(NamedTuple):
    """An objective's measurements on the validation pictures."""

    score: float  # smaller is better; chooses the best checkpoint
    table: str  # for the screen
    records: list[dict[str, float]]  # for the log and the checkpoint


class Objective(Protocol[Model]):
    """A model and its loss, as a frozen dataclass of options."""

    @property
    def final_share(self) -> float:
        """The fraction at the end of the run in which parameters are fixed by `freeze`; 0 for none."""

    def describe(self) -> dict[str, Any]:
        """The objective's name and options, as JSON, for the checkpoints."""

    def build(self) -> Model:
        """The model, not yet initialised by `start` or a checkpoint."""

    def start(self, model: Model, crops: Tensor) -> None:
        """Initialise a new model from crops of the data (B x 3 x H x W in 0..1)."""

    def draw(self, batch: int, crop: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """The random numbers of one step, on the generator's device; each tensor has a row for each crop."""

    def loss(self, net: Forward, x: Tensor, draws: tuple[Tensor, ...], now: Moment) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss of a batch, and numbers for the log. `net(...)` stands for `model(...)`."""

    def freeze(self, model: Model) -> None:
        """Called when the final fraction begins: disable the gradients of the parameters to be fixed."""

    def validate(self, model: Model, pictures: list[Tensor], autocast: Autocast) -> Validation:
        """Measure the averaged model on uint8 pictures."""

    def show(self, model: Model, picture: Tensor, autocast: Autocast) -> dict[str, Tensor]:
        """A uint8 picture as the model reconstructs it (3 x H x W in 0..1), by name; for TensorBoard."""
