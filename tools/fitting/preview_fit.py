"""The network of previews (`Architecture.preview`): from restored latents to the means of squares of decoded pixels.

Its last layer begins as the best linear map, by least squares, and its first one as the identity. Some minutes of
gradient descent follow, on latents that are computed once.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lic.codec.model.frozen import FrozenModel
from lic.codec.model.network_weights import pack
from lic.codec.transform.torch_network import thaw
from lic.models.architecture import PREVIEW
from lic.models.constants import MID_GREY, PEAK
from lic.models.transforms import SubPixelConv, Synthesis
from lic.tools.progress_bar import progress

CROPS, SIDE = 280, 320
RIDGE = 1e-4
STEPS, BATCH = 2000, 16
RATE = 1e-3  # of learning, at the start
LEAST_ERROR = 1e-6  # mean square
COARSE = 2  # times: reduced by 8, a preview's pixels are means of 2 x 2 of it


class Examples(NamedTuple):
    """Restored latents (crops x M x rows x columns) and the previews that they should give."""

    latents: Tensor
    means: Tensor


def add_preview(model: FrozenModel, crops: Tensor, steps: int | None = None) -> FrozenModel:
    """The model with a network for previews, trained on crops (uint8, count x 3 x side x side)."""
    examples = examples_of(model, crops)
    network = linear_preview(model, examples)
    train_preview(network, examples, STEPS if steps is None else steps)
    weights = {f"preview.{name}": tensor.numpy() for name, tensor in network.state_dict().items()}
    return dataclasses.replace(model, stored_weights=model.stored_weights | pack(weights, model.architecture))


@torch.no_grad()
def examples_of(model: FrozenModel, crops: Tensor) -> Examples:
    """Each crop is coded at a lambda point of its own, chosen at random."""
    network, random = thaw(model), np.random.default_rng(0)
    latents, means = [], []
    for crop in progress(crops, "preview of a picture"):
        point = torch.tensor([random.integers(len(model.lambdas))])
        restored = network.code(network.latents(crop[None].float() / PEAK, point), point, "dead-zone")[1]
        latents.append(restored)
        means.append(F.avg_pool2d(network.synthesis(restored).clamp(0, 1), PREVIEW))
    return Examples(torch.cat(latents), torch.cat(means))


@torch.no_grad()
def linear_preview(model: FrozenModel, examples: Examples) -> Synthesis:
    """The network whose last layer is the best linear one, and whose first one is the identity."""
    torch.manual_seed(0)
    network = Synthesis(model.architecture.preview)
    last = network[-1]
    assert isinstance(last, SubPixelConv) and last.bias is not None
    inputs = last.in_channels * 9 + 1  # a bias
    squares, products = torch.zeros(inputs, inputs), torch.zeros(inputs, last.out_channels)
    for y, target in zip(*examples, strict=True):
        windows = torch.cat([F.unfold(y[None], 3, padding=1)[0], torch.ones(1, y[0].numel())])
        # Channels in the order of `depth_to_space`: row, column, colour.
        cells = F.pixel_unshuffle(target[None] - MID_GREY, last.r)[0].unflatten(0, (3, -1)).transpose(0, 1)
        squares += windows @ windows.T
        products += windows @ cells.reshape(last.out_channels, -1).T
    ridge = RIDGE * squares.diagonal().double().mean() * torch.eye(inputs, dtype=torch.float64)
    solved = torch.linalg.solve(squares.double() + ridge, products.double()).float().T
    last.weight.copy_(solved[:, :-1].reshape(last.weight.shape))
    last.bias.copy_(solved[:, -1])
    return network


def train_preview(network: Synthesis, examples: Examples, steps: int) -> None:
    """Descend the sum of the decibels of errors at both sizes, so that easy pictures count as much as hard ones."""
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(steps, 1))
    random = torch.Generator().manual_seed(0)
    for _ in progress(range(steps), "training of previews"):
        some = torch.randint(len(examples.latents), (BATCH,), generator=random)
        error = network(examples.latents[some]) - examples.means[some]
        squares = [e.square().mean(dim=(1, 2, 3)) for e in (error, F.avg_pool2d(error, COARSE))]
        loss = sum((square + LEAST_ERROR).log().mean() for square in squares)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[union-attr]
        optimiser.step()
        schedule.step()
