"""Tables and contexts of all kinds, from sensible to absurd, and latents to code with them."""

import numpy as np

from lic.codec.entropy.contexts import earlier_size
from lic.codec.entropy.entropy_model import ChannelTables
from lic.codec.entropy.library import Contexts
from lic.codec.entropy.plain import PlainWalk
from lic.codec.entropy.reference import ReferenceCoder
from lic.codec.entropy.tables import KNOT_ARRAY, MAX_HEIGHT, MAX_STEP, Ints, Tables, frequency_tables
from lic.codec.model.frozen import FrozenModel
from lic.models.constants import FEATURES, PHASES

KINDS = ("plain", "contexts")
Densities = tuple[Ints, Ints]  # heights and steps


def laplacian_densities(count: int) -> Densities:
    """From very narrow to wide."""
    heights = np.round(MAX_HEIGHT * np.exp(-np.abs(KNOT_ARRAY) / 12)).astype(np.int64)
    return heights[None].repeat(count, 0), (2.0 ** np.linspace(19, 8, count)).astype(np.int64)


def laplacian_tables(count: int) -> Tables:
    return frequency_tables(*laplacian_densities(count), KNOT_ARRAY)


def random_densities(rng: np.random.Generator, count: int, absurd: bool) -> Densities:
    if not absurd:
        return laplacian_densities(count)
    steps = (2.0 ** rng.uniform(8, np.log2(MAX_STEP), count)).astype(np.int64)
    return rng.integers(0, MAX_HEIGHT, (count, len(KNOT_ARRAY))), steps


def random_model(
    rng: np.random.Generator, kind: str, channels: int, densities: Densities, absurd: bool = False
) -> FrozenModel:
    """A model without networks, of one lambda point: a density for each channel, or contexts that choose from them.

    Absurd contexts have numbers of the largest size that a file can hold.
    """
    heights, steps = densities
    ones, card = np.ones((1, channels)), {"lambdas": [1.0], "second_look": [0.0]}
    if kind == "plain":
        return FrozenModel(heights, steps[None], ones[0], ones, {}, card, ChannelTables(heights))
    buckets = int(rng.integers(1, 66))
    low, high, most = (-(2**31), 2**31, 2**62) if absurd else (-(2**12), 2**14, 2**28)
    contexts = Contexts(
        weights=rng.integers(low, high, (1, channels, PHASES, FEATURES)),
        thresholds=np.sort(rng.integers(-most if absurd else 0, most, buckets - 1)),
        index=rng.integers(0, len(heights), (1, channels, PHASES, buckets)).astype(np.uint8),
        heights=heights,
        steps=steps,
        earlier=rng.integers(-128, 128, (1, earlier_size(channels))).astype(np.int8),
        scales=rng.integers(0, 256 if absurd else 17, (1, channels, PHASES)).astype(np.uint8),
    )
    return FrozenModel(heights[:0], ones.astype(np.int64), ones[0], ones, {}, card, contexts)


def reference_of(model: FrozenModel) -> ReferenceCoder:
    """The coder in numpy of such a model, whichever is in use."""
    if isinstance(model.entropy, Contexts):
        return ReferenceCoder(model.entropy.tables, model.entropy.at(0))
    return ReferenceCoder(frequency_tables(model.heights, model.steps[0], KNOT_ARRAY), PlainWalk())


def random_symbols(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Of a random spread; sometimes with channels out of use, sometimes with values of any size."""
    symbols = np.round(rng.laplace(size=shape) * 2 ** rng.uniform(-2, 5))
    if rng.random() < 0.4:
        large = rng.random(shape) < 0.1
        symbols[large] *= 2 ** rng.uniform(0, 31, large.sum())
    if rng.random() < 0.4:
        symbols[rng.integers(0, shape[0] + 1) :] = 0
    return symbols.clip(-(2**31), 2**31 - 1).astype(np.int32)
