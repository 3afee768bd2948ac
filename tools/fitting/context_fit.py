"""Fitting context tables: done once, when a model is exported.

For every lambda point, the latents of training pictures are visited in the order of the coder. The weights of each
channel and pass are learned (magnitude_fit.py). Latents in the same bucket of estimated magnitude form a group, and the
groups share a library of densities, which is found by hard EM: each group chooses the density that codes it in the
fewest bits, then each density is refitted to the latents of its groups.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from lic.codec.entropy.contexts import (
    FEATURES,
    PREDICTED_CHANNELS,
    PREDICTION_BITS,
    UNIT_BITS,
    WEIGHT_BITS,
    Contexts,
    ContextState,
    PointContexts,
    earlier_size,
    passes,
)
from lic.codec.entropy.tables import STEP_BITS, Ints, integer_heights
from lic.codec.entropy.walk import Pass
from lic.codec.model.frozen import FrozenModel
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.constants import DEAD_ZONE, DOWNSAMPLING, PEAK, knot_layout
from lic.models.density import MIN_PROBABILITY, PiecewiseLinearDensity
from lic.models.second_look import blend
from lic.tools.files import find_pictures
from lic.tools.fitting.magnitude_fit import ExpectedMagnitudes
from lic.tools.training.pictures import load_pictures

Floats = NDArray[np.float64]

CHUNKS = 400  # training pictures that the contexts are fitted on
CHUNK_SIDE = 320
OCTAVES = (-10, 6)  # of estimated magnitude
PRIOR = 30.0  # weight, in symbols, of the bucket's average in every group
ROUNDS = 2  # of choosing and refitting, each time the library has grown

# Latents are gathered in histograms over bins that grow with distance from zero, in units of the step.
PER_STEP = 16
EDGES = np.array(knot_layout(core=16, per_octave=16, octaves=8)) / PER_STEP
CENTRES = (EDGES[1:] + EDGES[:-1]) / 2


def square_crops(data: Sequence[str], crop: int, count: int = CHUNKS) -> Tensor:
    """Square crops (uint8, count x 3 x side x side), each from a different picture below `data`.

    Their side is CHUNK_SIDE, so that few latents lie at an edge, or less if no picture is that large.
    """
    rng = np.random.default_rng(0)
    files = list(find_pictures(data))
    pictures = load_pictures([files[i] for i in rng.permutation(len(files))], crop, quiet=True)
    some = list(islice(pictures, 2 * count))
    side = min(CHUNK_SIDE, max(min(picture.shape[1:]) for picture in some)) // DOWNSAMPLING * DOWNSAMPLING
    crops: list[Tensor] = []
    for picture in some:
        if min(picture.shape[1:]) < side:
            continue
        top, left = (int(rng.integers(extent - side + 1)) for extent in picture.shape[1:])
        crops.append(picture[:, top : top + side, left : left + side])
        if len(crops) == count:
            break
    return torch.stack(crops)


@torch.inference_mode()
def latent_chunks(network: RateDistortionAutoencoder, crops: Tensor) -> NDArray[np.float32]:
    """The latents (chunks x channels x rows x columns) of crops."""
    return torch.cat([network.analysis(x[None].float() / PEAK) for x in crops]).numpy()


@torch.inference_mode()
def second_look_chunks(
    network: RateDistortionAutoencoder, crops: Tensor, first: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The latents of a second look at the crops, given the `first` ones."""
    pairs = zip(crops, torch.from_numpy(first), strict=True)
    return torch.cat([network.second_look(x[None].float() / PEAK, y[None]) for x, y in pairs]).numpy()


def sort_latents(network: RateDistortionAutoencoder, latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """Order a network's latent channels (and the given latents) by magnitude.

    Contexts that were learned in training belong to the order that they were learned for, which stays.
    """
    if network.magnitudes is not None:
        return latents
    order = network.order_by_size(torch.from_numpy(latents))
    network.permute_latents(order)
    return latents[:, order.numpy()]


@dataclass(frozen=True)
class Recipe:
    """Options of the fit; `context_study.py` measures their effect."""

    library: int = 128  # tables
    per_octave: int = 4  # buckets to each doubling of the estimated magnitude
    features: tuple[int, ...] = tuple(range(FEATURES))  # in use, of the FEATURES in contexts.py
    earlier: bool = True  # use the magnitudes of all channels of earlier blocks
    predict: bool = True  # predict the values of the first channels
    steps: int = 200  # of gradient descent on the weights, for each lambda point; more for the first


class Group(NamedTuple):
    """Latents that a channel, pass and bucket have in common."""

    point: int
    channel: int
    number: int
    bucket: int


def fit_contexts(
    model: FrozenModel, first: NDArray[np.float32], recipe: Recipe = Recipe(), second: NDArray[np.float32] | None = None
) -> Contexts:
    """Contexts for a model from latents (chunks x channels x rows x columns) of training pictures.

    For a model with second looks, their latents are needed, too.
    """
    thresholds = np.round(
        2.0 ** (np.arange(OCTAVES[0], OCTAVES[1], 1 / recipe.per_octave) + UNIT_BITS + WEIGHT_BITS)
    ).astype(np.int64)
    buckets = len(thresholds) + 1
    points = len(model.lambdas)
    weights = np.zeros((points, model.channels, 3, FEATURES), np.int64)
    prediction = np.zeros((points, PREDICTED_CHANNELS, 3, 4), np.int64)
    earlier = np.zeros((points, earlier_size(model.channels)), np.int16)
    expected = ExpectedMagnitudes(model.channels, recipe.features, recipe.earlier)
    groups: list[Group] = []
    counts: list[NDArray[np.float32]] = []
    for k in tqdm(range(points), desc="contexts", disable=None):
        position = model.position_of_lambda(model.lambdas[k])
        point = model.at(position)
        latents = first if second is None else blend(first, second, np.float32(point.second_look))
        scaled = latents * point.gain.astype(np.float32)[:, None, None]
        # Map the dead zone to the interval that rounds to zero, so that all coded zeros count as zeros.
        scaled = np.where(np.abs(scaled) < 0.5 + DEAD_ZONE, scaled * np.float32(0.5 / (0.5 + DEAD_ZONE)), scaled)
        used = int(np.flatnonzero(np.abs(scaled).max(axis=(0, 2, 3)) >= 0.5).max(initial=-1)) + 1
        scaled = scaled[:, :used]
        if recipe.predict:
            prediction[k] = _fit_predictions(scaled)
        contexts = PointContexts(weights[k], prediction[k], thresholds, np.empty(0, np.uint8), earlier[k])
        expected.fit(*_symbols(scaled, contexts), steps=recipe.steps if k else 3 * recipe.steps)
        weights[k], earlier[k] = expected.weights(), expected.earlier_weights()
        for channel, number, bucket, residual in _walk(scaled, contexts):
            bins = np.clip(np.searchsorted(EDGES, residual, side="right") - 1, 0, len(CENTRES) - 1)
            table = np.bincount(bucket * len(CENTRES) + bins, minlength=buckets * len(CENTRES))
            table = table.reshape(buckets, -1).astype(np.float32)
            for b in np.flatnonzero(table.any(axis=1)):
                groups.append(Group(k, channel, number, int(b)))
                counts.append(table[b])
    choice, heights, units = _fit_library(groups, np.stack(counts), buckets, recipe.library)
    index = _fill_index(groups, choice, (points, model.channels, 3, buckets))
    return Contexts(
        weights=weights,
        prediction=prediction,
        thresholds=thresholds,
        index=index,
        heights=integer_heights(heights),
        steps=np.round(2**STEP_BITS / units).astype(np.int64),
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


def _fit_library(
    groups: list[Group], counts: NDArray[np.float32], buckets: int, size: int
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Each group's density, and the densities' heights and units (in steps), by hard EM."""
    bucket = np.array([g.bucket for g in groups])
    pooled = np.zeros((buckets, counts.shape[1]), np.float32)
    np.add.at(pooled, bucket, counts)
    share = pooled / np.maximum(pooled.sum(axis=1, keepdims=True), 1)
    mixed = counts + PRIOR * share[bucket]
    least = _symbol_entropy(mixed)
    # The library grows from one table per bucket: each round picks the tables that lose the most bits against separate
    # tables for their groups, and the worst group of each starts a new table.
    members = pooled[pooled.any(axis=1)]
    members = members[np.unique(np.linspace(0, len(members) - 1, min(size, len(members))).round().astype(int))]
    heights, units, cost = _fit_densities(members)
    for growing in (True, True, True, True, False):
        for _ in range(ROUNDS):
            bits = mixed @ cost.T
            choice = bits.argmin(axis=1)
            members = np.zeros((len(members), counts.shape[1]), np.float32)
            np.add.at(members, choice, counts)
            members = members[members.any(axis=1)]
            heights, units, cost = _fit_densities(members)
        bits = mixed @ cost.T
        choice = bits.argmin(axis=1)
        room = min(size - len(members), len(members))
        if not growing or room <= 0:
            break
        lost = bits[np.arange(len(groups)), choice] - least
        worst = np.array([np.where(choice == t, lost, -1).argmax() for t in range(len(members))])
        total = np.bincount(choice, weights=lost, minlength=len(members))
        seeds = worst[np.argsort(-total)[:room]]
        members = np.concatenate([members, counts[seeds]])
        heights, units, cost = _fit_densities(members)
    return choice, heights, units


def _symbol_entropy(counts: NDArray[np.float32]) -> Floats:
    """The bits that the rounded latents of each histogram would cost under a table of their own."""
    symbols = np.floor(CENTRES + 0.5)
    starts = np.flatnonzero(np.diff(symbols, prepend=-np.inf))
    counted = np.add.reduceat(counts.astype(np.float64), starts, axis=1)
    width = np.maximum(1, np.diff(symbols[starts], append=symbols[-1] + 1))  # outer bins contain several symbols
    share = counted / np.maximum(counted.sum(axis=1, keepdims=True), 1e-9)
    bits: Floats = -(counted * np.log2(np.maximum(share / width, 1e-12))).sum(axis=1)
    return bits


def _fit_densities(members: NDArray[np.float32]) -> tuple[Floats, Floats, NDArray[np.float32]]:
    """Densities for histograms (rows x bins): heights, units, and what each bin's symbol costs in bits."""
    totals = np.maximum(members.sum(axis=1), 1e-9)
    deviation = np.sqrt((members * CENTRES**2).sum(axis=1) / totals)
    density = PiecewiseLinearDensity(len(members))
    # A unit of less than a bin would follow the bins' edges instead of the latents.
    density.unit.copy_(torch.from_numpy(np.maximum(deviation / density.UNITS_PER_DEVIATION, 1 / PER_STEP)))
    centres = torch.from_numpy(CENTRES).float().expand(1, len(members), -1)
    density.fit(centres, iterations=40, prior=1.0, counts=torch.from_numpy(members))
    with torch.no_grad():
        symbols = torch.floor(centres + 0.5)
        cost = -density.probability(symbols - 0.5, symbols + 0.5).clamp(min=MIN_PROBABILITY).log2()[0]
        return density.heights().double().numpy(), density.unit.double().numpy(), cost.numpy()


def _fill_index(groups: list[Group], choice: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The complete index: a bucket without training symbols takes the table of the nearest one that has some."""
    index = np.full(shape, -1, np.int64)
    for group, table in zip(groups, choice, strict=True):
        index[group] = table
    # A channel and pass without any takes the most common choice for that bucket.
    flat = index.reshape(-1, shape[-1])
    common = [np.bincount(column[column >= 0]).argmax() if (column >= 0).any() else -1 for column in flat.T]
    flat = np.concatenate([flat, np.array(common)[None]])
    for row in flat:
        met = np.flatnonzero(row >= 0)
        if len(met):
            row[:] = row[met[np.abs(np.arange(len(row))[:, None] - met).argmin(axis=1)]]
    flat[:-1][flat[:-1, 0] < 0] = flat[-1]
    return flat[:-1].reshape(shape).astype(np.uint8)
