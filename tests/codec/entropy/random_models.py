"""Tables and contexts of all kinds, from sensible to absurd, and latents to code with them."""

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.contexts import earlier_size, passes
from lic.codec.entropy.entropy_model import ChannelTables
from lic.codec.entropy.library import Contexts
from lic.codec.entropy.plain import PlainWalk
from lic.codec.entropy.quantisers import MAX_STATES, TRELLIS, Turns
from lic.codec.entropy.reference import DependentCoder, ReferenceCoder
from lic.codec.entropy.tables import KNOT_ARRAY, MAX_HEIGHT, MAX_STEP, Ints, Tables, frequency_tables
from lic.codec.entropy.walk import MAX_SYMBOL
from lic.codec.model.frozen import FrozenModel
from lic.models.constants import FEATURES, PHASES

KINDS = ("plain", "contexts", "dependent")
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

    If it is dependent, the densities are for each of two quantisers, so an even number.

    Absurd contexts have numbers of the largest size that a file can hold.
    """
    heights, steps = densities
    ones, card = np.ones((1, channels)), {"lambdas": [1.0], "second_look": [0.0]}
    if kind == "plain":
        return FrozenModel(heights, steps[None], ones[0], ones, {}, card, ChannelTables(heights))
    buckets = int(rng.integers(1, 66))
    low, high, most = (-(2**31), 2**31, 2**62) if absurd else (-(2**12), 2**14, 2**28)
    dependent = kind == "dependent"
    named = len(heights) // 2 if dependent else len(heights)
    contexts = Contexts(
        weights=rng.integers(low, high, (1, channels, PHASES, FEATURES)),
        thresholds=np.sort(rng.integers(-most if absurd else 0, most, buckets - 1)),
        index=rng.integers(0, named, (1, channels, PHASES, buckets)).astype(np.uint8),
        heights=heights,
        steps=steps,
        earlier=rng.integers(-128, 128, (1, earlier_size(channels))).astype(np.int8),
        scales=rng.integers(0, 256 if absurd else 17, (1, channels, PHASES)).astype(np.uint8),
        states=random_states(rng) if dependent else None,
    )
    return FrozenModel(heights[:0], ones.astype(np.int64), ones[0], ones, {}, card, contexts)


def random_states(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Those of the trellis, or any."""
    count = int(rng.integers(2, MAX_STATES + 1))
    return TRELLIS if rng.random() < 0.5 else rng.integers(0, count, (count, 2)).astype(np.uint8)


def reference_of(model: FrozenModel) -> ReferenceCoder:
    """The coder in numpy of such a model, whichever is in use."""
    if isinstance(contexts := model.entropy, Contexts):
        if contexts.states is not None:
            return DependentCoder(contexts.tables, contexts.at(0), contexts.states)
        return ReferenceCoder(contexts.tables, contexts.at(0))
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


def possible(symbols: np.ndarray, model: FrozenModel) -> np.ndarray:
    """Symbols for a model; where it is dependent, the levels that they stand for as numbers of its quantisers."""
    states = model.entropy.states if isinstance(model.entropy, Contexts) else None
    if states is None:
        return symbols
    channels, rows, columns = symbols.shape
    levels = (symbols.clip(-MAX_SYMBOL, MAX_SYMBOL) // 2).reshape(channels, -1)
    turns = Turns(states)
    for channel in range(channels):
        for p in passes(rows, columns, channel % PHASES):
            for place in p.places:
                levels[channel, place] = turns.level_of(int(levels[channel, place]), p.number)
    return levels.reshape(symbols.shape)
