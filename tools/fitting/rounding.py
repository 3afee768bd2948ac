"""Network weights in few bits: rounded so that the loss on pictures hardly changes.

With x the inputs of a convolution and g_o how much squared errors of its output o add to the loss, an error d of the
weights adds

    sum over o of g_o d_o' H d_o        H = E[x x']

to the loss. Weights are rounded one input after the other, and the weights of the inputs that follow compensate for an
error, as far as those inputs are correlated with this one (GPTQ, Frantar et al. 2022). There remains the square of the
error times the variance v_i of input i given the inputs that follow it. So the bits are best spent if all
weights have the same share in the loss, by the steps

    s_oi = c / sqrt(g_o v_i)            loss = (number of weights) c^2 / 12

which one number c sets for all layers: here the loss that is allowed.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lic.codec.entropy.tables import Arrays
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.network_weights import EXPONENTS, SCALE
from lic.codec.transform.torch_network import thaw
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.constants import PEAK
from lic.models.expectation import phases
from lic.models.transforms import SubPixelConv
from lic.tools.fitting.context_rounding import round_contexts
from lic.tools.progress_bar import progress
from lic.tools.usage import BadOptions

LOSS = 0.001  # of rate + lambda * distortion
CROPS, SIDE = 54, 256  # pictures that rounding is fitted on: six for each of nine lambda points
DAMPING = 0.01  # of the inputs' variances: nothing is known exactly from few crops
AT_ONCE = 128  # inputs, after which the weights of the rest are corrected
LEAST_SENSITIVITY = 1e-4  # of an output, in the mean of a layer's
PARAMETER_STEPS = 511  # to each side, of tensors that are not convolutions


MIN_EXPONENT, MAX_EXPONENT = -126, 127  # of normal numbers in float32, and in a byte


class Seen(NamedTuple):
    """What crops tell of a convolution: H of its inputs, and the sensitivities g of its outputs."""

    inputs: Tensor
    outputs: Tensor


def round_model(model: FrozenModel, crops: Tensor) -> FrozenModel:
    """The model with weights and contexts in few bits, at some LOSS for each of both."""
    if model.distortion != "mse":
        raise BadOptions(f"rounding goes by squared error, which model {model.name} is not trained for: leave it out")
    if model.quantiser != "uniform":
        raise BadOptions(f"model {model.name} has dependent quantisation: rounding has to be done before")
    return round_contexts(round_weights(model, crops, LOSS), crops, LOSS)


def round_weights(model: FrozenModel, crops: Tensor, loss: float) -> FrozenModel:
    """The model with weights in fewer bits, which cost about this part of rate + lambda * distortion.

    `crops` are pictures that weights may be fitted on (uint8, count x 3 x side x side).
    """
    network = thaw(model).requires_grad_(True)
    layers = {f"{name}.weight": m for name, m in network.named_modules() if isinstance(m, nn.Conv2d)}
    seen = look_at(network, model.lambdas, layers, crops)
    count = sum(layer.weight.numel() for layer in layers.values())
    unit = math.sqrt(12 * loss / count)
    stored: Arrays = {}
    for name in progress([*model.architecture.tensors], "rounding of a tensor"):
        weights = model.weight(name)
        if name in layers:
            stored |= rounded(name, torch.from_numpy(weights).double(), seen[name], unit)
        elif weights.ndim > 1:
            stored |= plainly_rounded(name, weights)
        else:
            stored[name] = weights
    return dataclasses.replace(model, stored_weights=stored)


def rounded(name: str, weights: Tensor, seen: Seen, unit: float) -> Arrays:
    """The integers of a convolution's weights, and their scales by output and (powers of two) by input."""
    rest = weights.reshape(len(weights), -1).clone()
    diagonal = seen.inputs.diagonal()
    damping = DAMPING * diagonal + 1e-6 * diagonal.mean() + 1e-30
    spread = inverse_root(seen.inputs + damping.diag())
    remaining = 1 / spread.diagonal()  # the deviation of each input, given the inputs that follow
    sensitivity = seen.outputs.clamp(min=LEAST_SENSITIVITY * float(seen.outputs.mean()) + 1e-30)
    exponents = torch.log2(unit / remaining).round()  # a power of two costs 4 % more than the best step
    shift = exponents.mean().round()  # small numbers are left to the exponents
    scale = (2.0**shift / sensitivity.sqrt()).float().double()
    exponents = (exponents - shift).clamp(MIN_EXPONENT, MAX_EXPONENT)
    whole = torch.empty_like(rest)
    inputs = rest.shape[1]
    for start in range(0, inputs, AT_ONCE):
        stop = min(start + AT_ONCE, inputs)
        errors = torch.zeros(len(rest), stop - start, dtype=rest.dtype)
        for i in range(start, stop):
            step = scale * 2.0 ** exponents[i]
            whole[:, i] = torch.round(rest[:, i] / step)
            errors[:, i - start] = (rest[:, i] - whole[:, i] * step) / spread[i, i]
            rest[:, i:stop] -= errors[:, i - start, None] * spread[i, i:stop]
        rest[:, stop:] -= errors @ spread[start:stop, stop:]
    shape = tuple(weights.shape)
    return {
        name: integers(whole.numpy().reshape(shape)),
        name + SCALE: scale.float().numpy(),
        name + EXPONENTS: exponents.numpy().astype(np.int8).reshape(shape[1:]),
    }


def inverse_root(h: Tensor) -> Tensor:
    """The upper triangle U with U'U = H^-1."""
    lower = torch.linalg.cholesky(h.flip(0, 1))
    upper = lower.flip(0, 1)  # H = upper upper'
    return torch.linalg.solve_triangular(upper, torch.eye(len(h), dtype=h.dtype), upper=True)


def plainly_rounded(name: str, weights: NDArray[np.float32]) -> Arrays:
    most = np.abs(weights).max(axis=tuple(range(1, weights.ndim)), keepdims=True)
    scale = (most / PARAMETER_STEPS).astype(np.float32)
    whole = np.round(weights / np.where(scale > 0, scale, 1))
    return {name: integers(whole), name + SCALE: scale.reshape(-1)}


def integers(values: NDArray[np.floating]) -> NDArray[Any]:
    return values.astype(np.int8 if np.abs(values).max(initial=0) <= 127 else np.int16)


def look_at(
    network: RateDistortionAutoencoder, lambdas: Sequence[float], layers: dict[str, nn.Conv2d], crops: Tensor
) -> dict[str, Seen]:
    """What the crops tell of each layer; they take the lambda points, of squared error, in turn."""
    generator = torch.Generator().manual_seed(0)
    inputs = {name: torch.zeros(_shifts(layer)) for name, layer in layers.items()}
    outputs = {name: torch.zeros(len(layer.weight)) for name, layer in layers.items()}
    for number, crop in enumerate(progress(crops, "sensitivity of layers")):
        k = number % len(lambdas)
        with recorded(layers) as (given, returned):
            x, point = crop[None].float() / PEAK, torch.tensor([k])
            errors_of(network, lambdas[k], x, point, generator).backward()
        for name, layer in layers.items():
            slopes = coarse(returned[name].grad, layer).square().sum(dim=(0, 2, 3))
            outputs[name] += slopes
            inputs[name] += autocorrelation(given[name][0], layer.kernel_size[0]) * slopes.sum()
        network.zero_grad()
    return {
        name: Seen(covariance(inputs[name] / (outputs[name].sum() + 1e-30)), (outputs[name] / len(crops)).double())
        for name in layers
    }


def _shifts(layer: nn.Conv2d) -> tuple[int, int, int, int]:
    k = layer.kernel_size[0]
    return k, 2 * k - 1, layer.in_channels, layer.in_channels


def autocorrelation(x: Tensor, k: int) -> Tensor:
    """E[x_i(y, x) x_j(y + dy, x + dx)] of an array of channels with zeros around, for 0 <= dy < k and |dx| < k.

    All covariances within kernels of k x k follow from it, and many positions tell of each.
    """
    channels, rows, columns = x.shape
    found = x.new_zeros(k, 2 * k - 1, channels, channels)
    for dy in range(min(k, rows)):
        for dx in range(-min(k, columns) + 1, min(k, columns)):
            here = x[:, : rows - dy, max(0, -dx) : columns - max(0, dx)].flatten(1)
            there = x[:, dy:, max(0, dx) : columns - max(0, -dx)].flatten(1)
            found[dy, dx + k - 1] = here @ there.T
    return found / (rows * columns)


def covariance(shifts: Tensor) -> Tensor:
    """E[x x'] of the inputs of a kernel, in the order of its weights (channel, row, column)."""
    k, _, channels, _ = shifts.shape
    found = shifts.new_zeros(channels, k, k, channels, k, k, dtype=torch.float64)
    for place in itertools.product(range(k), repeat=4):
        y, x, y2, x2 = place
        forward = y2 >= y
        dy, dx = (y2 - y, x2 - x) if forward else (y - y2, x - x2)
        of_shift = shifts[dy, dx + k - 1]
        found[:, y, x, :, y2, x2] = of_shift if forward else of_shift.T
    return found.reshape(channels * k * k, channels * k * k)


def errors_of(
    network: RateDistortionAutoencoder, lambda_: float, x: Tensor, point: Tensor, generator: torch.Generator
) -> Tensor:
    """Random signs times errors of picture and predictions, each scaled so that its square is a part of the loss.

    The squares of its derivatives by a layer's outputs are, on average, the weights of their squared errors in the
    loss.
    """
    expected: list[Tensor] = []
    hooks = [p.register_forward_hook(lambda _m, _x, y: expected.append(y)) for p in network.predictors]
    y = network.analysis(x)
    scaled, restored = network.code(y, point, "straight-through")
    decoded = network.synthesis(restored)
    for hook in hooks:
        hook.remove()
    with torch.no_grad():
        pixels, gain = x[0, 0].numel(), network.log_gain[point].exp()[:, :, None, None]
        bits = float(network.bits(torch.round(scaled), gain).sum())
        loss = bits / pixels + lambda_ * PEAK**2 * float((decoded - x).square().mean())
        of_picture = math.sqrt(lambda_ * PEAK**2 / (3 * pixels * loss))
        # An error e of a prediction, in steps, costs some e^2 / (2 ln 2 variance) bits.
        variance = scaled.square().mean(dim=(2, 3), keepdim=True) + 1
        of_symbols = gain / (2 * math.log(2) * variance * pixels * loss).sqrt()
    total = (decoded * signs(decoded, generator)).sum() * of_picture
    for k, of_phase in enumerate(expected, 1):
        errors = of_phase * network.trust[point][:, :, None, None].detach() * of_symbols * (phases(of_phase) == k)
        total = total + (errors * signs(errors, generator)).sum()
    return total


def signs(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, like.shape, generator=generator) * 2.0 - 1


@contextmanager
def recorded(layers: dict[str, nn.Conv2d]) -> Iterator[tuple[dict[str, Tensor], dict[str, Tensor]]]:
    """The inputs of layers, and their outputs, which keep their gradients."""
    given: dict[str, Tensor] = {}
    returned: dict[str, Tensor] = {}

    def hook(name: str, x: Tensor, y: Tensor) -> None:
        given[name], returned[name] = x.detach(), y
        y.retain_grad()

    hooks = [
        layer.register_forward_hook(lambda _m, x, y, name=name: hook(name, x[0], y)) for name, layer in layers.items()
    ]
    yield given, returned
    for each in hooks:
        each.remove()


def coarse(gradient: Tensor | None, layer: nn.Conv2d) -> Tensor:
    """A gradient by a layer's result, before sub-pixels were arranged (the inverse of `depth_to_space`)."""
    assert gradient is not None
    if not isinstance(layer, SubPixelConv):
        return gradient
    b, c, h, w = gradient.shape
    r = layer.r
    parts = gradient.reshape(b, c, h // r, r, w // r, r).permute(0, 3, 5, 1, 2, 4)
    return parts.reshape(b, r * r * c, h // r, w // r)
