"""Fitting contexts in two passes: done once, when a model is exported.

For every lambda point, the latents of training pictures are visited in the order of the coder. The weights of each
channel and pass are learned (magnitude_fit.py); then tables are chosen (library_fit.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lic.codec.entropy.contexts import (
    FEATURES,
    PREDICTED_CHANNELS,
    PREDICTION_BITS,
    Contexts,
    ContextState,
    PointContexts,
    earlier_size,
    passes,
)
from lic.codec.entropy.tables import Ints
from lic.codec.entropy.walk import Pass
from lic.codec.model.frozen import FrozenModel
from lic.models.second_look import blend
from lic.tools.fitting.latents import STEPS_PER_CROP
from lic.tools.fitting.library_fit import BINS, bins, bucket_thresholds, fit_library, without_dead_zone
from lic.tools.fitting.magnitude_fit import ExpectedMagnitudes
from lic.tools.fitting.stages import stages


@dataclass(frozen=True)
class Recipe:
    """Options of the fit; `context_study.py` measures their effect."""

    library: int = 128  # tables
    per_octave: int = 4  # buckets to each doubling of the estimated magnitude
    features: tuple[int, ...] = tuple(range(FEATURES))  # in use, of the FEATURES in contexts.py
    earlier: bool = True  # use the magnitudes of all channels of earlier blocks
    predict: bool = True  # predict the values of the first channels
    steps: int = 200  # of gradient descent on the weights, for each lambda point; more for the first


def fit_contexts(
    model: FrozenModel, first: NDArray[np.float32], recipe: Recipe = Recipe(), second: NDArray[np.float32] | None = None
) -> Contexts:
    """Contexts for a model from latents (chunks x channels x rows x columns) of training pictures.

    For a model with second looks, their latents are needed, too.
    """
    thresholds = bucket_thresholds(recipe.per_octave)
    buckets = len(thresholds) + 1
    points = len(model.lambdas)
    weights = np.zeros((points, model.channels, 3, FEATURES), np.int64)
    prediction = np.zeros((points, PREDICTED_CHANNELS, 3, 4), np.int64)
    earlier = np.zeros((points, earlier_size(model.channels)), np.int16)
    expected = ExpectedMagnitudes(model.channels, recipe.features, recipe.earlier)
    groups: list[tuple[int, int, int, int]] = []  # point, channel, pass, bucket
    counts: list[NDArray[np.float32]] = []
    for k in stages(range(points), "contexts of a lambda point"):
        position = model.position_of_lambda(model.lambdas[k])
        point = model.at(position)
        latents = first if second is None else blend(first, second, np.float32(point.second_look))
        scaled = latents * point.gain.astype(np.float32)[:, None, None]
        scaled = without_dead_zone(scaled)
        used = int(np.flatnonzero(np.abs(scaled).max(axis=(0, 2, 3)) >= 0.5).max(initial=-1)) + 1
        scaled = scaled[:, :used]
        if recipe.predict:
            prediction[k] = _fit_predictions(scaled)
        contexts = PointContexts(weights[k], prediction[k], thresholds, np.empty(0, np.uint8), earlier[k])
        steps = min(recipe.steps if k else 3 * recipe.steps, STEPS_PER_CROP * len(scaled))
        expected.fit(*_symbols(scaled, contexts), steps=steps)
        weights[k], earlier[k] = expected.weights(), expected.earlier_weights()
        for channel, number, bucket, residual in _walk(scaled, contexts):
            table = np.bincount(bucket * BINS + bins(residual), minlength=buckets * BINS)
            table = table.reshape(buckets, -1).astype(np.float32)
            for b in np.flatnonzero(table.any(axis=1)):
                groups.append((k, channel, number, int(b)))
                counts.append(table[b])
    shape = points, model.channels, 3, buckets
    library = fit_library(np.array(groups), np.stack(counts), shape, recipe.library)
    return Contexts(
        weights=weights,
        prediction=prediction,
        thresholds=thresholds,
        index=library.tables,
        heights=library.heights,
        steps=library.steps,
        earlier=earlier,
    )


def _passes(
    scaled: NDArray[np.float32], point: PointContexts
) -> Iterator[tuple[ContextState, int, Pass, Ints, NDArray[np.float32], Ints]]:
    """Visit chunks in the coder's order: state, channel, pass; the channel's symbols and latents; its predictions."""
    batch, channels, rows, columns = scaled.shape
    state = ContextState(point, rows, columns, (batch,))
    for channel in range(channels):
        y = np.pad(scaled[:, channel].reshape(batch, -1), ((0, 0), (0, 1)))
        values = np.floor(y + 0.5).astype(np.int64)
        for p in state.passes(channel):
            yield state, channel, p, values, y, state.predict(channel, p, values)
        state.add(channel, values)


def _fit_predictions(scaled: NDArray[np.float32]) -> Ints:
    """Least-squares weights of the neighbours for the values of the first channels."""
    weights = np.zeros((PREDICTED_CHANNELS, 3, 4), np.int64)
    batch, _, rows, columns = scaled.shape
    values = np.floor(scaled[:, :PREDICTED_CHANNELS] + 0.5).astype(np.int64).reshape(batch, -1, rows * columns)
    values = np.pad(values, ((0, 0), (0, 0), (0, 1)))
    for channel in range(values.shape[1]):
        for p in passes(rows, columns, True):
            if len(p.decoded):
                of_channel = values[:, channel]
                weights[channel, p.number] = _fit_prediction(of_channel[:, p.places], of_channel[:, p.decoded])
    return weights


def _symbols(scaled: NDArray[np.float32], point: PointContexts) -> tuple[Tensor, Tensor]:
    """Symbols and prediction residuals, as tensors of the latents' shape."""
    values = np.floor(scaled + 0.5)
    residuals = values.reshape(*scaled.shape[:2], -1).copy()
    first = scaled[:, :PREDICTED_CHANNELS]
    for _, channel, p, _, _, predicted in _passes(first, point):
        residuals[:, channel, p.places] -= predicted
    return torch.from_numpy(values), torch.from_numpy(residuals).reshape(values.shape)


def _walk(scaled: NDArray[np.float32], point: PointContexts) -> Iterator[tuple[int, int, Ints, NDArray[np.float32]]]:
    """Channel and pass, and each symbol's bucket and unrounded residual."""
    for state, channel, p, values, y, predicted in _passes(scaled, point):
        bucket = np.searchsorted(point.thresholds, state.estimate(channel, p, values), side="right")
        yield channel, p.number, bucket.ravel(), (y[:, p.places] - predicted).ravel()


def _fit_prediction(values: Ints, neighbours: Ints) -> Ints:
    """Least-squares weights of the four neighbours (chunks x 4 x places) for the value between them."""
    x = neighbours.transpose(1, 0, 2).reshape(4, -1).astype(np.float64)
    ridge = 1e-3 * np.eye(4) * (1 + np.trace(x @ x.T) / 4)
    return np.round(np.linalg.solve(x @ x.T + ridge, x @ values.ravel()) * 2**PREDICTION_BITS).astype(np.int64)
