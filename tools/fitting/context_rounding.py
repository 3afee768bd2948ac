"""Weights of contexts in few bits: rounded so that code lengths hardly change.

Contexts estimate a latent's magnitude mu from magnitudes m_d of earlier channels (codec/entropy/contexts.py). An error
of the estimate costs some error^2 / (2 ln 2 mu (1 + mu)) bits, so weights e_cd with steps s_cd add

    sum over d of s_cd^2 E[m_d^2] / (24 ln 2 mu_c (1 + mu_c))

bits to a latent of channel c. As with the networks' weights, all have the same share, by the steps

    s_cd = a sqrt(mu_c (1 + mu_c) / E[m_d^2])

A step is a power of two times the scale of a channel and phase, as model files store them.
"""

import dataclasses
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lic.codec.entropy.contexts import WEIGHT_BITS, earlier_block
from lic.codec.entropy.library import Contexts
from lic.codec.entropy.tables import Ints
from lic.codec.file.container import POSITIONS
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.torch_network import thaw
from lic.models.constants import CONTEXT_BLOCK, MAGNITUDE_CAP, PHASES
from lic.models.expectation import phases
from lic.tools.fitting.context_fit import EARLIER_MAX, SCALE_MAX
from lic.tools.fitting.latents import latent_chunks
from lic.tools.progress_bar import progress

LEAST = 1e-3  # of magnitudes that crops are too few to tell
FEATURE_BITS = 6  # of the few weights that are not of earlier channels


def round_contexts(model: FrozenModel, crops: Tensor, loss: float) -> FrozenModel:
    """The model with contexts in fewer bits, which make files larger by about this part.

    `crops` are pictures that contexts may be fitted on (uint8, count x 3 x side x side).
    """
    contexts = model.entropy
    if not isinstance(contexts, Contexts):
        return model
    network = thaw(model)
    latents = torch.from_numpy(latent_chunks(network, crops))
    earlier, scales = np.zeros_like(contexts.earlier), contexts.scales.copy()
    for k in progress(range(len(model.lambdas)), "rounding of a lambda point's contexts"):
        with torch.no_grad():
            scaled = network.code(latents, torch.tensor([k]), "dead-zone")[0]
        symbols = torch.round(scaled).int().numpy()
        coder = model.at(k * POSITIONS).coder
        bits = float(np.mean([coder.bits(one).mean() for one in symbols]))
        count = earlier.shape[1] / (model.channels * PHASES)  # of earlier channels, in the mean
        error = math.sqrt(24 * math.log(2) * loss * bits / count)
        mean, square = magnitudes(symbols)
        tolerance = error * np.sqrt(mean * (1 + mean)) * 2**WEIGHT_BITS
        for start in range(CONTEXT_BLOCK, model.channels, CONTEXT_BLOCK):
            here = slice(start, start + CONTEXT_BLOCK)
            before = earlier_block(contexts.earlier[k], model.channels, start) * contexts.scales[k, here].T[:, :, None]
            steps = tolerance[here].T[:, :, None] / np.sqrt(square[:start])
            whole, scale = stepped(before.astype(np.float64), steps)
            earlier_block(earlier[k], model.channels, start)[:] = whole
            scales[k, here] = scale.T
    weights = leading_bits(contexts.weights)
    rounded = dataclasses.replace(contexts, weights=weights, earlier=earlier, scales=scales)
    return dataclasses.replace(model, entropy=rounded)


def magnitudes(symbols: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of symbols (crops x channels x rows x columns), E[m] by channel and phase, and E[m^2] by channel."""
    capped = np.minimum(np.abs(symbols), MAGNITUDE_CAP).astype(np.float64)
    phase = phases(torch.from_numpy(symbols)).numpy()
    mean = np.stack(
        [
            (capped * (phase == p)).sum(axis=(0, 2, 3)) / np.maximum((phase == p).sum(axis=(1, 2)), 1)
            for p in range(PHASES)
        ],
        axis=1,
    )
    return mean / len(symbols) + LEAST, np.square(capped).mean(axis=(0, 2, 3)) + LEAST**2


def stepped(weights: NDArray[np.float64], steps: NDArray[np.float64]) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
    """Weights (phases x channels x earlier channels) as bytes, rounded to about these steps, and scales of rows."""
    least = np.maximum(1, np.ceil(np.abs(weights).max(axis=2) / EARLIER_MAX))
    scale = np.clip(np.round(steps.min(axis=2)), least, SCALE_MAX)[:, :, None]
    multiple = 2.0 ** np.clip(np.round(np.log2(steps / scale)), 0, 6)
    most = np.floor(EARLIER_MAX / multiple)
    whole = np.clip(np.round(weights / scale / multiple), -most, most) * multiple
    return whole.astype(np.int8), scale[:, :, 0].astype(np.uint8)


def leading_bits(weights: Ints) -> Ints:
    """The numbers, of which only the leading bits are not zero."""
    unit = 2.0 ** np.maximum(np.floor(np.log2(np.maximum(np.abs(weights), 1))) - FEATURE_BITS + 1, 0)
    return np.asarray(np.round(weights / unit) * unit, np.int64)
