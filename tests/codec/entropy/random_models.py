"""Tables and contexts of all kinds, from sensible to absurd, and latents to code with them."""

import numpy as np

from lic.codec.entropy.contexts import PointContexts, earlier_size
from lic.codec.entropy.plain import PlainWalk
from lic.codec.entropy.tables import KNOT_ARRAY, MAX_HEIGHT, MAX_STEP, Tables, frequency_tables
from lic.codec.entropy.walk import Walk
from lic.models.constants import FEATURES, PHASES

WALKS = ("plain", "contexts")


def laplacian_tables(count: int) -> Tables:
    """From very narrow to wide."""
    heights = np.round(MAX_HEIGHT * np.exp(-np.abs(KNOT_ARRAY) / 12)).astype(np.int64)
    steps = (2.0 ** np.linspace(19, 8, count)).astype(np.int64)
    return frequency_tables(heights[None].repeat(count, 0), steps, KNOT_ARRAY)


def random_tables(rng: np.random.Generator, count: int, absurd: bool) -> Tables:
    if not absurd:
        return laplacian_tables(count)
    steps = (2.0 ** rng.uniform(8, np.log2(MAX_STEP), count)).astype(np.int64)
    return frequency_tables(rng.integers(0, MAX_HEIGHT, (count, len(KNOT_ARRAY))), steps, KNOT_ARRAY)


def random_walk(rng: np.random.Generator, kind: str, channels: int, tables: int, absurd: bool) -> Walk:
    """Contexts that choose from so many tables; absurd ones have numbers of the largest size that a file can hold."""
    if kind == "plain":
        return PlainWalk()
    buckets = int(rng.integers(1, 66))
    low, high, most = (-(2**31), 2**31, 2**62) if absurd else (-(2**12), 2**14, 2**28)
    spread = 2**15 if absurd else 2**11
    return PointContexts(
        weights=rng.integers(low, high, (channels, PHASES, FEATURES)),
        thresholds=np.sort(rng.integers(-most if absurd else 0, most, buckets - 1)),
        tables=rng.integers(0, tables, (channels, PHASES, buckets)).astype(np.uint8),
        earlier=rng.integers(-spread, spread, earlier_size(channels)).astype(np.int16) if rng.random() < 0.7 else None,
    )


def random_symbols(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Of a random spread; sometimes with channels out of use, sometimes with values of any size."""
    symbols = np.round(rng.laplace(size=shape) * 2 ** rng.uniform(-2, 5))
    if rng.random() < 0.4:
        large = rng.random(shape) < 0.1
        symbols[large] *= 2 ** rng.uniform(0, 31, large.sum())
    if rng.random() < 0.4:
        symbols[rng.integers(0, shape[0] + 1) :] = 0
    return symbols.clip(-(2**31), 2**31 - 1).astype(np.int32)
