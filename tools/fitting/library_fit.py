"""The library of tables that all contexts share, found by hard EM.

Latents with the same channel, pass and bucket of estimated magnitude are a group. Each group chooses the density that
codes it in the fewest bits, and each density is refitted to the latents of its groups.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from lic.codec.entropy.contexts import UNIT_BITS, WEIGHT_BITS
from lic.codec.entropy.tables import STEP_BITS, Ints, integer_heights
from lic.models.constants import DEAD_ZONE, knot_layout
from lic.models.density import MIN_PROBABILITY, PiecewiseLinearDensity

Doubles = NDArray[np.float64]

OCTAVES = (-10, 6)  # of estimated magnitude
PRIOR = 30.0  # weight, in symbols, of the bucket's average in every group
ROUNDS = 2  # of choosing and refitting, each time the library has grown

# Latents are gathered in histograms over bins that grow with distance from zero, in units of the step.
PER_STEP = 16
EDGES = np.array(knot_layout(core=16, per_octave=16, octaves=8)) / PER_STEP
CENTRES = (EDGES[1:] + EDGES[:-1]) / 2
BINS = len(CENTRES)


def bucket_thresholds(per_octave: int) -> Ints:
    """Where buckets of estimated magnitude begin, in the units of the contexts."""
    octaves = np.arange(OCTAVES[0], OCTAVES[1], 1 / per_octave)
    return np.round(2.0 ** (octaves + UNIT_BITS + WEIGHT_BITS)).astype(np.int64)


def without_dead_zone(scaled: NDArray[np.float32]) -> NDArray[np.float32]:
    """Latents, with those in the dead zone shrunk until they round to zero, so that all coded zeros count as zeros."""
    in_zone = np.abs(scaled) < 0.5 + DEAD_ZONE
    return np.where(in_zone, scaled * np.float32(0.5 / (0.5 + DEAD_ZONE)), scaled)


def bins(latents: NDArray[np.float32]) -> NDArray[np.intp]:
    """The bin of each latent, in units of the step."""
    return np.clip(np.searchsorted(EDGES, latents, side="right") - 1, 0, BINS - 1)


class Library(NamedTuple):
    """Densities as a model file stores them, and the choice of one for each lambda point, channel, pass and bucket."""

    heights: Ints
    steps: Ints
    tables: NDArray[np.uint8]


def fit_library(groups: NDArray[np.intp], counts: NDArray[np.float32], shape: tuple[int, ...], size: int) -> Library:
    """A library of up to `size` densities for groups of latents: those with the same channel, pass, bucket and so on.

    `groups` are indices into an array of that shape, the last of them the bucket, and `counts` histograms over BINS.
    """
    choice, heights, units = choose_densities(groups[:, -1], counts, shape[-1], size)
    steps = np.round(2**STEP_BITS / units).astype(np.int64)
    return Library(integer_heights(heights), steps, _fill_index(groups, choice, shape))


def choose_densities(
    bucket: NDArray[np.intp], counts: NDArray[np.float32], buckets: int, size: int
) -> tuple[NDArray[np.intp], Doubles, Doubles]:
    """Each group's density, and the densities' heights and units (in steps), by hard EM."""
    pooled = _sums(counts, bucket, buckets)
    share = pooled / np.maximum(pooled.sum(axis=1, keepdims=True), 1)
    # Groups with few symbols are joined by those of the whole bucket, with a weight of PRIOR symbols.
    mixed = counts + PRIOR * share[bucket]
    least = _symbol_entropy(mixed)
    # The library grows from one table per bucket: each round picks the tables that lose the most bits against separate
    # tables for their groups, and the worst group of each starts a new table.
    members = pooled[pooled.any(axis=1)]
    members = members[np.unique(np.linspace(0, len(members) - 1, min(size, len(members))).round().astype(int))]
    heights, units, cost = _fit_densities(members)
    for growing in (True, True, True, True, False):
        for _ in range(ROUNDS):
            # E step: each group chooses its cheapest density. M step: densities are refitted to their groups.
            bits = mixed @ cost.T
            choice = bits.argmin(axis=1)
            members = _sums(counts, choice, len(members))
            members = members[members.any(axis=1)]
            heights, units, cost = _fit_densities(members)
        bits = mixed @ cost.T
        choice = bits.argmin(axis=1)
        room = min(size - len(members), len(members))
        if not growing or room <= 0:
            break
        lost = bits[np.arange(len(bits)), choice] - least
        worst = np.array([np.where(choice == t, lost, -1).argmax() for t in range(len(members))])
        total = np.bincount(choice, weights=lost, minlength=len(members))
        seeds = worst[np.argsort(-total)[:room]]
        members = np.concatenate([members, counts[seeds]])
        heights, units, cost = _fit_densities(members)
    return choice, heights, units


def _sums(counts: NDArray[np.float32], which: NDArray[np.intp], size: int) -> NDArray[np.float32]:
    """The sums of the histograms with the same number."""
    order = which.argsort(kind="stable")
    met, starts = np.unique(which[order], return_index=True)
    sums = np.zeros((size, counts.shape[1]), np.float32)
    sums[met] = np.add.reduceat(counts[order], starts, axis=0)
    return sums


def _symbol_entropy(counts: NDArray[np.float32]) -> Doubles:
    """The bits that the rounded latents of each histogram would cost under a table of their own."""
    symbols = np.floor(CENTRES + 0.5)
    starts = np.flatnonzero(np.diff(symbols, prepend=-np.inf))
    counted = np.add.reduceat(counts.astype(np.float64), starts, axis=1)
    width = np.maximum(1, np.diff(symbols[starts], append=symbols[-1] + 1))  # outer bins contain several symbols
    share = counted / np.maximum(counted.sum(axis=1, keepdims=True), 1e-9)
    bits: Doubles = -(counted * np.log2(np.maximum(share / width, 1e-12))).sum(axis=1)
    return bits


def _fit_densities(members: NDArray[np.float32]) -> tuple[Doubles, Doubles, NDArray[np.float32]]:
    """Densities for histograms (rows x bins): heights, units, and the cost of each bin's symbol in bits."""
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


def _fill_index(groups: NDArray[np.intp], choice: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The complete index: a bucket without training symbols takes the table of the nearest one that has some."""
    index = np.full(shape, -1, np.int64)
    index[tuple(groups.T)] = choice
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
