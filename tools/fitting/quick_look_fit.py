"""The quick look at a picture (models/second_look.py), fitted by least squares: it takes no training.

    B = the convolution with the smallest sum of |analysis(x + (x - x')) - y1 - B (x - x')|^2

over training pictures, each weighted by the inverse of its error, so that hard pictures do not decide alone.
"""

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lic.codec.model.frozen import FrozenModel
from lic.codec.model.network_weights import pack
from lic.codec.model.operating_point import ONE_LOOK, Latents, Look
from lic.codec.picture.pixels import Pixels
from lic.codec.transform.engine import decode_all, engine_of
from lic.codec.transform.torch_network import thaw
from lic.models.constants import PEAK
from lic.models.second_look import blend
from lic.tools.fitting.freezing import LEAST_GAIN, SHARES
from lic.tools.fitting.latents import pixels_of
from lic.tools.progress_bar import progress
from lic.tools.training.scores import score

RIDGE = 1e-3  # of the mean square of the error
LEAST_ERROR = 1e-3  # root mean square, of a picture's weight
CROPS, SIDE = 280, 320
CROPS_FOR_SHARES = 24


def add_quick_look(model: FrozenModel, crops: Tensor) -> FrozenModel:
    """The model with a quick look and its shares, fitted on crops (uint8, count x 3 x side x side)."""
    kernel = {"analysis.quick_look.weight": fit_kernel(model, crops)}
    weights = model.stored_weights | pack(kernel, model.architecture)
    model = dataclasses.replace(model, stored_weights=weights, card=model.card | {"quick_look": None})
    shares = choose_quick_shares(model, crops[:CROPS_FOR_SHARES])
    return dataclasses.replace(model, card=model.card | {"quick_look": shares})


@torch.inference_mode()
def fit_kernel(model: FrozenModel, crops: Tensor) -> NDArray[np.float32]:
    """The weights of the convolution, M x 3 x rows x columns."""
    network, layer = thaw(model), model.architecture.quick_look
    around, inputs = (layer.kernel - layer.stride) // 2, 3 * layer.kernel**2
    unscale = torch.from_numpy(model.unscale)[:, None, None]
    squares, products = torch.zeros(inputs, inputs), torch.zeros(inputs, layer.outputs)
    for crop in progress(crops, "quick look at a picture"):
        x = crop[None].float() / PEAK
        first = network.analysis(x)
        error = x - network.synthesis(first * unscale).clamp(0, 1)
        changes = (network.analysis(x + error) - first)[0].reshape(layer.outputs, -1)
        windows = F.unfold(F.pad(error, (around,) * 4), layer.kernel, stride=layer.stride)[0]
        weight = 1 / max(float(error.square().mean().sqrt()), LEAST_ERROR)
        squares += weight * (windows @ windows.T)
        products += weight * (windows @ changes.T)
    ridge = RIDGE * squares.diagonal().double().mean() * torch.eye(inputs, dtype=torch.float64)
    kernel = torch.linalg.solve(squares.double() + ridge, products.double())
    return kernel.T.reshape(layer.outputs, 3, layer.kernel, layer.kernel).float().numpy()


def choose_quick_shares(model: FrozenModel, crops: Tensor) -> list[float]:
    """The share of the quick look at each lambda point, with the lowest loss on crops.

    It is 0 where the second look lowers the loss by LEAST_GAIN more, and takes its place where it does not; where there
    is no second look, it has to lower the loss by LEAST_GAIN itself.
    """
    losses = np.zeros((len(model.lambdas), len(SHARES) + 1))
    for crop in progress(crops, "use of quick looks at a picture"):
        pixels, engine = pixels_of(crop), engine_of(model)
        first, quick, second = (engine.analyse(pixels, look) for look in (ONE_LOOK, Look(1, quick=True), Look(1)))
        for k, second_share in enumerate(model.second_looks):
            for i, share in enumerate(SHARES):
                losses[k, i] += loss(model, k, blend(first, quick, np.float32(share)), pixels)
            losses[k, -1] += loss(model, k, blend(first, second, np.float32(second_share)), pixels)
    return [choose_share(of_point, share) for of_point, share in zip(losses, model.second_looks, strict=True)]


def choose_share(losses: NDArray[np.float64], second_share: float) -> float:
    """The share of a lambda point with these losses: one for each of SHARES, and at last that of the second look."""
    none, quick, second = losses[0], losses[:-1].min(), losses[-1]
    if second_share and second < (1 - LEAST_GAIN) * quick:
        return 0.0
    if not second_share and quick > (1 - LEAST_GAIN) * none:
        return 0.0
    return SHARES[int(losses[:-1].argmin())]


def loss(model: FrozenModel, k: int, latents: Latents, pixels: Pixels) -> float:
    """Bits per pixel + lambda * distortion, of latents that are coded at lambda point k."""
    point = model.at(model.position_of_lambda(model.lambdas[k]))
    symbols = np.concatenate([*engine_of(model).choose(latents, point)], axis=1)
    decoded = decode_all([symbols], model, point, (pixels.shape[1], pixels.shape[0]))
    y, x = (torch.from_numpy(picture).permute(2, 0, 1)[None].float() / PEAK for picture in (decoded, pixels))
    bits = torch.tensor(float(point.coder.bits(symbols).sum()))
    return score(y, x, bits, model.lambdas[k], model.distortion).loss
