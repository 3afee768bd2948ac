"""Fitting contexts: done once, when a model is exported.

For every lambda point, the weights are learned on the differentiable counterpart of the contexts, afresh and by the
bits that they cost (models/magnitudes.py). Rounded to integers, they sort the symbols of training pictures into buckets
of estimated magnitude, for which tables are chosen (library_fit.py).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lic.codec.entropy.contexts import UNIT_BITS, WEIGHT_BITS, earlier_block, earlier_size
from lic.codec.entropy.library import Contexts
from lic.codec.entropy.tables import Ints
from lic.codec.model.frozen import FrozenModel
from lic.codec.picture.pixels import Floats
from lic.codec.transform.torch_network import thaw
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.constants import CONTEXT_BLOCK, FEATURES, PHASES
from lic.models.expectation import phases
from lic.models.magnitudes import Magnitudes
from lic.models.second_look import blend
from lic.tools.fitting.latents import STEPS_PER_CROP
from lic.tools.fitting.library_fit import BINS, bins, bucket_thresholds, fit_library, without_dead_zone
from lic.tools.progress_bar import progress

EARLIER_MAX, SCALE_MAX = 127, 255  # the largest values in bytes of a model file
CROPS_AT_ONCE = 20


@dataclass(frozen=True)
class Recipe:
    """Options of the fit."""

    library: int = 192  # tables
    per_octave: int = 4  # buckets to each doubling of the estimated magnitude
    steps: int = 500  # of gradient descent on the weights, for each lambda point


def fit_contexts(
    model: FrozenModel, first: Floats, recipe: Recipe = Recipe(), second: Floats | None = None
) -> Contexts:
    """Contexts for a model from latents (crops x channels x rows x columns) of training pictures.

    For a model with second looks, their latents are needed, too.
    """
    network, channels, points = thaw(model), model.channels, len(model.lambdas)
    thresholds = bucket_thresholds(recipe.per_octave)
    shape = points, channels, PHASES, len(thresholds) + 1
    weights = np.zeros((points, channels, PHASES, FEATURES), np.int64)
    earlier = np.zeros((points, earlier_size(channels)), np.int8)
    scales = np.ones((points, channels, PHASES), np.uint8)
    groups, counts = [], []
    for k in progress(range(points), "contexts of a lambda point"):
        scaled = _scaled(network, k, first if second is None else blend(first, second, model.second_looks[k]))
        used = int(np.flatnonzero(np.abs(scaled).max(axis=(0, 2, 3)) >= 0.5).max(initial=-1)) + 1
        values = torch.from_numpy(np.floor(scaled[:, :used] + np.float32(0.5)))
        magnitudes = Magnitudes(1, used)
        magnitudes.fit(0, values, min(recipe.steps, STEPS_PER_CROP * len(values)))
        weights[k, :used], whole, scales[k, :used] = _integers(magnitudes)
        for start in range(CONTEXT_BLOCK, used, CONTEXT_BLOCK):
            size = min(CONTEXT_BLOCK, used - start)
            block = whole[:, start : start + size, :start]
            earlier_block(earlier[k], channels, start)[:, :size] = block
        found, histograms = _histograms(magnitudes, values, scaled[:, :used], thresholds)
        groups.append(np.concatenate([np.full((len(found), 1), k), found], axis=1))
        counts.append(histograms)
    library = fit_library(np.concatenate(groups), np.concatenate(counts), shape, recipe.library)
    return Contexts(weights, thresholds, library.tables, library.heights, library.steps, earlier, scales)


@torch.inference_mode()
def _scaled(network: RateDistortionAutoencoder, k: int, latents: Floats) -> Floats:
    """The values that are rounded to symbols at lambda point k, in units of the step."""
    parts = torch.from_numpy(latents).split(CROPS_AT_ONCE)
    point = torch.tensor([k])
    return without_dead_zone(torch.cat([network.code(y, point, "dead-zone")[0] for y in parts]).numpy())


@torch.no_grad()
def _integers(magnitudes: Magnitudes) -> tuple[Ints, NDArray[np.int8], NDArray[np.uint8]]:
    """The weights of one lambda point as the codec stores them; those of earlier magnitudes are rounded in place, too.

    The latter are bytes (phases x channels x earlier channels) and scales (channels x phases).
    """
    shares = magnitudes.shares[0] * (magnitudes.scale[0, ..., None] / magnitudes.feature_means[0].T)
    weights = torch.round(shares * 2.0**WEIGHT_BITS).long().transpose(0, 1).numpy()
    unit = 2.0**WEIGHT_BITS * magnitudes.scale[0, ..., None] / magnitudes.magnitude_means[0]
    exact = magnitudes.earlier[0] * magnitudes.reach * unit
    scales = torch.ceil(exact.abs().amax(dim=2, keepdim=True) / EARLIER_MAX).clamp(1, SCALE_MAX)
    whole = torch.round(exact / scales).clamp(-EARLIER_MAX, EARLIER_MAX)
    magnitudes.earlier[0] = whole * scales / unit
    return weights, whole.numpy().astype(np.int8), scales[..., 0].T.numpy().astype(np.uint8)


@torch.no_grad()
def _histograms(
    magnitudes: Magnitudes, values: Tensor, scaled: Floats, thresholds: Ints
) -> tuple[NDArray[np.intp], Floats]:
    """Groups of latents, as channel, phase and bucket, and the histogram of each over the library's bins."""
    channels, buckets = values.shape[1], len(thresholds) + 1
    borders = torch.from_numpy(thresholds / 2.0 ** (UNIT_BITS + WEIGHT_BITS)).float()
    row = torch.arange(channels)[:, None, None] * PHASES + phases(values)
    counts = np.zeros(channels * PHASES * buckets * BINS, np.int64)
    for start in range(0, len(values), CROPS_AT_ONCE):
        crops = slice(start, start + CROPS_AT_ONCE)
        mu = magnitudes(values[crops], torch.zeros(len(values[crops]), dtype=torch.long))
        cell = (row * buckets + torch.bucketize(mu, borders, right=True)).numpy() * BINS + bins(scaled[crops])
        counts += np.bincount(cell.ravel(), minlength=len(counts))
    by_group = counts.reshape(-1, BINS)
    met = np.flatnonzero(by_group.any(axis=1))
    groups = np.stack(np.unravel_index(met, (channels, PHASES, buckets)), axis=1)
    return groups, by_group[met].astype(np.float32)
