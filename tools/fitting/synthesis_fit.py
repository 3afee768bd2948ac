"""The synthesis, trained further on the levels that the encoder chooses.

In training, latents are rounded one by one. With dependent quantisation, levels are chosen by their bits, too: more of
them are 0, and most others are nearer to it. The synthesis can learn what such levels stand for. Each picture is coded
once, and what follows is gradient descent on the latents that were restored from its levels.

Levels depend on the synthesis through a second look, which decodes the latents of the first one before they are
rounded. A synthesis that learns from latents of second looks, and so changes them, gets worse with each step. So what
it decodes from latents of first looks is held: its change there, as a part of their error, is added to the loss.
"""

import copy
import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lic.codec.file.container import POSITIONS
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.network_weights import pack
from lic.codec.transform.engine import engine_of
from lic.codec.transform.torch_network import thaw
from lic.models.constants import PEAK
from lic.models.distortion import mse
from lic.models.transforms import Synthesis
from lic.tools.fitting.latents import latent_chunks, pixels_of
from lic.tools.progress_bar import progress
from lic.tools.training.distortions import get_distortion
from lic.tools.usage import BadOptions

CROPS, SIDE = 480, 256
APART = 3  # each picture is coded at every third lambda point
STEPS, BATCH = 2500, 6
HELD, HOLD = 2, 4.0  # first looks in each step, and the weight of what changes there
RATE = 5e-5  # of learning, at most
WARM_UP = 0.05  # of the steps


class Coded(NamedTuple):
    """Latents restored from the levels of crops[number], at a lambda point."""

    number: int
    point: int
    latents: Tensor


def fit_synthesis(model: FrozenModel, crops: Tensor, steps: int | None = None) -> FrozenModel:
    """The model with a synthesis trained on crops (uint8, count x 3 x side x side), stored in 16 bits."""
    if model.filter is not None or model.has("quick_look") or model.has("preview"):
        parts = "a filter, a quick look or a preview"
        raise BadOptions(f"model {model.name} has {parts}, which follow from its synthesis: train the synthesis before")
    smallest = get_distortion(model.distortion).smallest
    if min(crops.shape[2:]) < smallest:
        raise BadOptions(
            f"model {model.name} is for {model.distortion}: name pictures of {smallest} pixels or more a side"
        )
    network = thaw(model)
    first_looks = torch.from_numpy(latent_chunks(network, crops)) if any(model.second_looks) else None
    training = Training(network.synthesis, model.distortion, crops, code(model, crops), first_looks)
    training.run(STEPS if steps is None else steps)
    weights = {f"synthesis.{name}": tensor.numpy() for name, tensor in network.synthesis.state_dict().items()}
    others = {name: array for name, array in model.stored_weights.items() if not name.startswith("synthesis.")}
    return dataclasses.replace(model, stored_weights=others | pack(weights, model.architecture))


def code(model: FrozenModel, crops: Tensor) -> list[Coded]:
    """Each crop as the encoder codes it without effort, at a third of the lambda points."""
    coded, engine = [], engine_of(model)
    for number, crop in enumerate(progress(crops, "synthesis, picture")):
        for k in range(number % APART, len(model.lambdas), APART):
            point = model.at(k * POSITIONS)
            levels = np.concatenate([*engine.encode(pixels_of(crop), point)], axis=1)
            coded.append(Coded(number, k, torch.from_numpy(engine.restore(levels, point))))
    return coded


class Training:
    """What a synthesis learns from, and what it decodes at first."""

    def __init__(
        self, synthesis: Synthesis, distortion: str, crops: Tensor, coded: Sequence[Coded], first_looks: Tensor | None
    ) -> None:
        self.synthesis, self.before = synthesis, copy.deepcopy(synthesis)
        self.distortion = get_distortion(distortion).of
        self.crops, self.coded, self.first_looks = crops, coded, first_looks

    def run(self, steps: int) -> None:
        """Descend distortion as a part of its mean at first, so that all lambda points count alike."""
        self.synthesis.requires_grad_(True)
        usual = self.usual_distortion()
        optimiser = torch.optim.Adam(self.synthesis.parameters())
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, RATE, max(steps, 2), pct_start=WARM_UP, cycle_momentum=False
        )
        random = torch.Generator().manual_seed(0)
        for _ in progress(range(steps), "training of the synthesis"):
            some = torch.randint(len(self.coded), (BATCH,), generator=random)
            loss = (self.distortions(some) / usual[some]).mean()
            if self.first_looks is not None:
                first = torch.randint(len(self.crops), (HELD,), generator=random)
                loss = loss + HOLD * self.changes(first).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()

    def distortions(self, some: Tensor) -> Tensor:
        coded = [self.coded[i] for i in some]
        decoded = self.synthesis(torch.stack([one.latents for one in coded]))
        return self.distortion(decoded, self._pictures([one.number for one in coded]))

    @torch.no_grad()
    def usual_distortion(self) -> Tensor:
        """For each coded picture, the mean distortion at its lambda point."""
        numbers = progress(torch.arange(len(self.coded)).split(1), "synthesis, distortion at first")
        found = torch.cat([self.distortions(number) for number in numbers])
        points = torch.tensor([one.point for one in self.coded])
        return torch.stack([found[points == point].mean() for point in points])

    def changes(self, some: Tensor) -> Tensor:
        """How far pictures have moved that are decoded from latents of first looks, as a part of their error."""
        assert self.first_looks is not None
        y = self.first_looks[some]
        with torch.no_grad():
            decoded = self.before(y)
            errors = mse(decoded, self._pictures(some))
        return mse(self.synthesis(y), decoded) / errors

    def _pictures(self, some: Tensor | Sequence[int]) -> Tensor:
        return self.crops[some].float() / PEAK
