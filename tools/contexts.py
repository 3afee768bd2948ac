"""Fitting context tables: done once, when a model is exported.

For every lambda point the latents of training pictures are walked as the coder will walk them. A least-squares fit
gives each channel and pass its weights; what falls into the same bucket of estimated magnitude makes a group, and
the groups share a library of densities, found by hard EM: each group chooses the density that codes it in the fewest
bits, each density is refitted to the latents of its groups.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from lic.codec.contexts import (
    FEATURES,
    MAGNITUDE_CAP,
    PREDICTED_CHANNELS,
    PREDICTION_BITS,
    UNIT_BITS,
    WEIGHT_BITS,
    Contexts,
    ContextState,
    Pass,
    PointContexts,
    inside_feature,
)
from lic.codec.model import FrozenModel, integer_heights
from lic.codec.tables import STEP_BITS, Ints
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.density import MIN_PROBABILITY, PiecewiseLinearDensity, knot_layout
from lic.models.transforms import DOWNSAMPLING
from lic.tools.pictures import find_pictures, load_pictures

Floats = NDArray[np.float64]

CHUNKS = 200  # training pictures whose latents are counted
CHUNK_SIDE = 320
OCTAVES = (-10, 6)  # of estimated magnitude
PRIOR = 30.0  # symbols' worth of its bucket's average that every group is mixed with
ROUNDS = 6

# Latents are gathered in histograms over bins that grow with distance from zero, in units of the step.
PER_STEP = 16
EDGES = np.array(knot_layout(core=16, per_octave=16, octaves=8)) / PER_STEP
CENTRES = (EDGES[1:] + EDGES[:-1]) / 2


def latent_chunks(
    network: RateDistortionAutoencoder, data: Sequence[str], crop: int, count: int = CHUNKS
) -> NDArray[np.float32]:
    """Latents (chunks x channels x rows x columns) of square crops, each of another picture below `data`.

    Crops are as large as CHUNK_SIDE, to see few edges, or of the size that training used if no picture is that large.
    """
    rng = np.random.default_rng(0)
    files = list(find_pictures(data))
    pictures = load_pictures([files[i] for i in rng.permutation(len(files))], crop, quiet=True)
    some = list(islice(pictures, 2 * count))
    side = min(CHUNK_SIDE, max(min(picture.shape[1:]) for picture in some)) // DOWNSAMPLING * DOWNSAMPLING
    chunks: list[torch.Tensor] = []
    for picture in some:
        if min(picture.shape[1:]) < side:
            continue
        top, left = (int(rng.integers(extent - side + 1)) for extent in picture.shape[1:])
        x = picture[None, :, top : top + side, left : left + side].float() / 255
        with torch.inference_mode():
            chunks.append(network.analysis(x)[0])
        if len(chunks) == count:
            break
    return torch.stack(chunks).numpy()


def sort_latents(network: RateDistortionAutoencoder, latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """Order a network's latent channels (and the given latents) by magnitude, so that contexts know most first."""
    gain = network.log_gain[len(network.lambdas) // 2].detach().exp().numpy()
    order = np.argsort(-np.abs(latents).mean(axis=(0, 2, 3)) * gain, kind="stable")
    network.permute_latents(torch.from_numpy(order))
    return latents[:, order]


@dataclass(frozen=True)
class Recipe:
    """What may be chosen when contexts are fitted; `context_study.py` measures the choices."""

    library: int = 64  # tables
    per_octave: int = 2  # buckets to each doubling of the estimated magnitude
    features: tuple[int, ...] = tuple(range(FEATURES))  # those that count, of the FEATURES in contexts.py
    predict: bool = True  # the values of the first channels


class Group(NamedTuple):
    """Latents that a channel, pass and bucket have in common."""

    point: int
    channel: int
    number: int
    bucket: int


def fit_contexts(model: FrozenModel, latents: NDArray[np.float32], recipe: Recipe = Recipe()) -> Contexts:
    """Contexts for a model from latents (chunks x channels x rows x columns) of training pictures."""
    thresholds = np.round(
        2.0 ** (np.arange(OCTAVES[0], OCTAVES[1], 1 / recipe.per_octave) + UNIT_BITS + WEIGHT_BITS)
    ).astype(np.int64)
    buckets = len(thresholds) + 1
    points = len(model.lambdas)
    weights = np.zeros((points, model.channels, 3, FEATURES), np.int64)
    prediction = np.zeros((points, PREDICTED_CHANNELS, 3, 4), np.int64)
    groups: list[Group] = []
    counts: list[NDArray[np.float32]] = []
    for k in tqdm(range(points), desc="contexts", disable=None):
        scaled = latents * model.gain_at(model.position_of_lambda(model.lambdas[k])).astype(np.float32)[:, None, None]
        point = PointContexts(weights[k], prediction[k], thresholds, np.empty(0, np.uint8))
        for channel, number, bucket, residual in _fit_point(scaled, point, recipe):
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
    )


def _fit_point(
    scaled: NDArray[np.float32], point: PointContexts, recipe: Recipe
) -> Iterator[tuple[int, int, Ints, NDArray[np.float32]]]:
    """Fill in a point's weights; yields channel, pass, and each symbol's bucket and unrounded residual."""
    batch, _, rows, columns = scaled.shape
    state = ContextState(point, rows, columns, (batch,))
    used = int(np.flatnonzero(np.abs(scaled).max(axis=(0, 2, 3)) >= 0.5).max(initial=-1)) + 1
    for channel in range(used):
        y = np.pad(scaled[:, channel].reshape(batch, -1), ((0, 0), (0, 1)))
        values = np.floor(y + 0.5).astype(np.int64)
        for p in state.passes(channel):
            if recipe.predict and channel < PREDICTED_CHANNELS and len(p.decoded):
                point.prediction[channel, p.number] = _fit_prediction(values[:, p.places], values[:, p.decoded])
            predicted = state.predict(channel, p, values)
            magnitudes = np.minimum(np.abs(values[:, p.places] - predicted), MAGNITUDE_CAP)
            features = _features(state, p, values)[list(recipe.features)]
            point.weights[channel, p.number, recipe.features] = _fit_weights(features, magnitudes.ravel())
            bucket = np.searchsorted(point.thresholds, state.estimate(channel, p, values), side="right")
            yield channel, p.number, bucket.ravel(), (y[:, p.places] - predicted).ravel()
        state.add(channel, values)


def _features(state: ContextState, p: Pass, values: Ints) -> Floats:
    """What `ContextState.estimate` weighs (FEATURES x symbols), in units of a magnitude."""
    constant = np.full(values[:, p.places].shape, 1 << UNIT_BITS, np.int64)
    at = [total[:, p.places] for total in state.sums]
    near = [total[:, p.around].sum(axis=1) for total in state.sums]
    inside = inside_feature(p, values) if len(p.decoded) else np.zeros_like(constant)
    return np.stack([constant, *at, *near, inside]).reshape(FEATURES, -1) / 2**UNIT_BITS


def _fit_prediction(values: Ints, neighbours: Ints) -> Ints:
    """Least-squares weights of the four neighbours (chunks x 4 x places) for the value in their middle."""
    x = neighbours.transpose(1, 0, 2).reshape(4, -1).astype(np.float64)
    ridge = 1e-3 * np.eye(4) * (1 + np.trace(x @ x.T) / 4)
    return np.round(np.linalg.solve(x @ x.T + ridge, x @ values.ravel()) * 2**PREDICTION_BITS).astype(np.int64)


def _fit_weights(features: Floats, magnitudes: Ints, iterations: int = 4) -> Ints:
    """Weights whose sum expects the magnitudes: a regression with errors that grow with the expected value.

    Iteratively reweighted least squares for an identity link and variance mu^2 + 0.3 mu.
    """
    mu = 0.5 * magnitudes + 0.5 * magnitudes.mean() + 1e-4
    weights = np.zeros(len(features))
    for _ in range(iterations):
        weighted = features / (mu * mu + 0.3 * mu)
        gram = weighted @ features.T
        ridge = np.diag(1e-4 * np.diag(gram) + 1e-9)
        weights = np.linalg.solve(gram + ridge, weighted @ magnitudes)
        mu = np.maximum(weights @ features, 1e-4)
    return np.round(weights * 2**WEIGHT_BITS).astype(np.int64)


def _fit_library(
    groups: list[Group], counts: NDArray[np.float32], buckets: int, size: int
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Each group's density, and the densities' heights and units (in steps), by hard EM."""
    bucket = np.array([g.bucket for g in groups])
    pooled = np.zeros((buckets, counts.shape[1]), np.float32)
    np.add.at(pooled, bucket, counts)
    share = pooled / np.maximum(pooled.sum(axis=1, keepdims=True), 1)
    mixed = counts + PRIOR * share[bucket]
    # Start from the buckets' averages and, for the shapes that these miss, from the groups with most symbols.
    largest = np.argsort(-counts.sum(axis=1), kind="stable")[: size - int((pooled.sum(axis=1) > 0).sum())]
    members = np.concatenate([pooled[pooled.sum(axis=1) > 0], counts[largest]])[:size]
    choice = np.zeros(len(groups), np.intp)
    for _ in range(ROUNDS):
        heights, units, cost = _fit_densities(members)
        bits = mixed @ cost.T
        choice = bits.argmin(axis=1)
        members = np.zeros_like(members)
        np.add.at(members, choice, counts)
        empty = np.flatnonzero(members.sum(axis=1) == 0)
        if len(empty):  # densities that nobody chose start again from the groups that lose the most bits
            own = -np.log2(np.maximum(mixed / mixed.sum(axis=1, keepdims=True), 1e-12))
            lost = bits.min(axis=1) - (mixed * own).sum(axis=1)
            worst = np.argsort(-lost)[: len(empty)]  # fewer than that if there are few groups
            members[empty[: len(worst)]] = counts[worst]
    heights, units, cost = _fit_densities(members)
    return (mixed @ cost.T).argmin(axis=1), heights, units


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
    """The whole index; a bucket that training never met takes the table of the nearest one that it did."""
    index = np.full(shape, -1, np.int64)
    for group, table in zip(groups, choice, strict=True):
        index[group] = table
    # What a whole channel and pass never met takes what most others of that bucket chose.
    flat = index.reshape(-1, shape[-1])
    common = [np.bincount(column[column >= 0]).argmax() if (column >= 0).any() else -1 for column in flat.T]
    flat = np.concatenate([flat, np.array(common)[None]])
    for row in flat:
        met = np.flatnonzero(row >= 0)
        if len(met):
            row[:] = row[met[np.abs(np.arange(len(row))[:, None] - met).argmin(axis=1)]]
    flat[:-1][flat[:-1, 0] < 0] = flat[-1]
    return flat[:-1].reshape(shape).astype(np.uint8)
