"""Shared by all figures: pictures, the trained codec, and small networks that are trained once."""

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Symbols
from lic.codec.picture.pixels import Pixels
from lic.codec.transform.engine import engine_of
from lic.codec.transform.torch_network import thaw
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.constants import DOWNSAMPLING, PEAK
from lic.models.theory.vae import Vae
from lic.tools.course.small_trainings import TO_LEARN_FROM, TO_MEASURE_ON, Bench, sample_paths
from lic.tools.extras import require
from lic.tools.training.pictures import load_pictures, whole_blocks
from lic.tools.training.variational import Variational

SMALLEST = 128  # side in pixels; smaller pictures are not used
MOST = 24  # pictures in a figure of the codec


class Drawing(NamedTuple):
    """A matplotlib figure and the text below it."""

    figure: Any
    equation: str  # matplotlib's mathtext
    caption: str


@dataclass(frozen=True)
class Context:
    """The options of `lic learn figures`."""

    data: tuple[str, ...]
    model: str | None
    steps: int
    seed: int

    @cached_property
    def pictures(self) -> list[Tensor]:
        """uint8 pictures whose sides are multiples of 16."""
        paths = self.data or sample_paths(TO_MEASURE_ON + TO_LEARN_FROM)
        return [whole_blocks(picture) for picture in islice(load_pictures(paths, SMALLEST, quiet=True), MOST)]

    @cached_property
    def frozen(self) -> FrozenModel:
        """The trained codec, as it codes files."""
        return find_model(self.model).load()

    @cached_property
    def network(self) -> RateDistortionAutoencoder:
        return thaw(self.frozen)

    @cached_property
    def position(self) -> int:
        """The codec's rate position of the middle lambda point."""
        return self.frozen.position_of_lambda(self.frozen.lambdas[len(self.frozen.lambdas) // 2])

    @cached_property
    def pixels(self) -> Pixels:
        """The first picture, height x width x 3."""
        return np.ascontiguousarray(self.pictures[0].permute(1, 2, 0).numpy())

    @cached_property
    def symbols(self) -> Symbols:
        """The symbols of the first picture at that position."""
        chunks = engine_of(self.frozen).encode(self.pixels, self.frozen.at(self.position))
        return np.concatenate([*chunks], axis=1)

    @cached_property
    def crop(self) -> Tensor:
        """A crop of the first picture, 1 x 3 x 128 x 128 in 0..1."""
        picture = self.pictures[0]
        top, left = ((side - SMALLEST) // 2 // DOWNSAMPLING * DOWNSAMPLING for side in picture.shape[1:])
        return picture[None, :, top : top + SMALLEST, left : left + SMALLEST].float() / PEAK

    def bench(self, crop: int = 64) -> Bench:
        return Bench(self.data or sample_paths(TO_LEARN_FROM), (), self.steps, crop, seed=self.seed)

    @cached_property
    def vae(self) -> Vae:
        """A VAE of the data, for samples and traversals."""
        return self.bench(crop=32).train(Variational(n=48, m=64))

    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)


def new_figure(width: float, height: float) -> Any:
    return require("matplotlib.figure").Figure(figsize=(width, height), layout="constrained")


def show(axes: Any, picture: Tensor, title: str = "") -> None:
    """Show a picture (3 or 1 x H x W in 0..1) without axes."""
    array = picture.clamp(0, 1).permute(1, 2, 0).numpy()
    axes.imshow(array if array.shape[2] == 3 else array[:, :, 0], cmap="gray", vmin=0, vmax=1)
    axes.set_axis_off()
    axes.set_title(title, fontsize=10)
