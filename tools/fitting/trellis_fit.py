"""Dependent quantisation (codec/entropy/quantisers.py) for a model that has contexts; it takes no training.

Steps become smaller, and each table of the library becomes two, one for each quantiser. Tables depend on the levels
that the encoder chooses, and its choice depends on the tables: so levels are chosen for training pictures, tables are
fitted to them, and this is repeated until little changes.

A density is a sum of tents, one for each knot. EM finds the heights of the tents for which the counted numbers are most
likely: each number is divided among the tents that its interval meets, in proportion to their shares of the interval's
mass, and the new mass of a tent is the sum of its parts.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lic.codec.entropy.library import Contexts
from lic.codec.entropy.prices import NO_TABLE
from lic.codec.entropy.quantisers import QUANTISERS, TRELLIS, numbers_of
from lic.codec.entropy.tables import KNOT_ARRAY, STEP_BITS, TOTAL, Tables, integer_heights
from lic.codec.file.container import POSITIONS
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import ONE_LOOK, Latents, Look, Symbols
from lic.codec.transform.engine import engine_of
from lic.models.constants import knot_layout
from lic.models.second_look import blend
from lic.tools.fitting.latents import pixels_of
from lic.tools.progress_bar import progress
from lic.tools.usage import BadOptions

Doubles = NDArray[np.float64]

CROPS, SIDE = 96, 320
ROUNDS = 2  # of choosing and fitting
ITERATIONS = 50  # of EM
LEAST = 1e-30  # of a bin's mass, which is not 0 where something was counted
PRIOR = 30.0  # numbers that join those of a table, distributed as in the table before
FACTOR = 0.8  # of steps: those of both quantisers together are finer than uniform ones, those of each are coarser

STEP = 2  # knots for each number: tables can have any frequencies of the smallest numbers
# Magnitudes are counted in bins, which grow with them.
LAST = 2**9 - 1
BINS = np.array([first for first in knot_layout(core=32, per_octave=8, octaves=4) if 0 <= first <= LAST])


def add_trellis(model: FrozenModel, crops: Tensor) -> FrozenModel:
    """The model with dependent quantisation, fitted on crops (uint8, count x 3 x side x side)."""
    if contexts_of(model).states is not None:
        raise BadOptions(f"model {model.name} has dependent quantisation already")
    pictures = [latents_of(model, crop) for crop in progress(crops, "dependent quantisation, picture")]
    model = with_states(model)
    for _ in progress(range(ROUNDS), "dependent quantisation, round"):
        counts = count_numbers(model, pictures)
        model = with_tables(model, fitted(counts + PRIOR * shares(contexts_of(model).tables)))
    return model


def contexts_of(model: FrozenModel) -> Contexts:
    if not isinstance(model.entropy, Contexts):
        raise BadOptions(f"model {model.name} has no contexts, which dependent quantisation needs: export it with them")
    return model.entropy


def latents_of(model: FrozenModel, crop: Tensor) -> list[Latents]:
    """The latents of a picture at each lambda point."""
    engine, pixels = engine_of(model), pixels_of(crop)
    looks = [model.at(k * POSITIONS).look(0) for k in range(len(model.lambdas))]
    whole = {quick: engine.analyse(pixels, Look(1, quick)) for quick in {look.quick for look in looks if look.share}}
    first = engine.analyse(pixels, ONE_LOOK)
    return [blend(first, whole[look.quick], np.float32(look.share)) if look.share else first for look in looks]


def symbols_of(model: FrozenModel, latents: list[Latents]) -> list[Symbols]:
    """The symbols of a picture at each lambda point, as the encoder chooses them without a search."""
    points = [model.at(k * POSITIONS) for k in range(len(model.lambdas))]
    return [
        np.concatenate([*engine_of(model).choose(y, point)], axis=1) for y, point in zip(latents, points, strict=True)
    ]


def with_states(model: FrozenModel) -> FrozenModel:
    """The model with states, its tables for each quantiser, and smaller steps."""
    contexts = contexts_of(model)
    twice = {name: np.concatenate([getattr(contexts, name)] * QUANTISERS) for name in ("heights", "steps")}
    steps = np.maximum(1, np.round(FACTOR * model.steps)).astype(np.int64)
    return dataclasses.replace(model, steps=steps, entropy=dataclasses.replace(contexts, states=TRELLIS, **twice))


def with_tables(model: FrozenModel, heights: Doubles) -> FrozenModel:
    """The model with other densities, of numbers."""
    steps = np.full(len(heights), STEP << STEP_BITS, np.int64)
    contexts = dataclasses.replace(contexts_of(model), heights=integer_heights(heights), steps=steps)
    return dataclasses.replace(model, entropy=contexts)


def count_numbers(model: FrozenModel, pictures: list[list[Latents]]) -> Doubles:
    """How often pictures have numbers of each magnitude, by table (tables x BINS)."""
    tables, size = len(contexts_of(model).heights), len(BINS)
    counts = np.zeros(tables * size, np.int64)
    for latents in progress(pictures, "dependent quantisation, picture"):
        for k, levels in enumerate(symbols_of(model, latents)):
            table = model.at(k * POSITIONS).coder.find_tables(levels)
            used = table != NO_TABLE
            row = table[used].astype(np.int64)
            numbers = numbers_of(levels[used].astype(np.int64), row // (tables // QUANTISERS))
            counts += np.bincount(row * size + bins(numbers), minlength=len(counts))
    return counts.reshape(tables, size).astype(np.float64)


def bins(numbers: NDArray[np.int64]) -> NDArray[np.intp]:
    """The bin of each number's magnitude.

    >>> bins(np.array([0, -1, 33, 300])).tolist()
    [0, 1, 32, 57]
    """
    return BINS.searchsorted(np.minimum(np.abs(numbers), LAST), side="right") - 1


def shares(tables: Tables) -> Doubles:
    """The share of each bin in the frequencies of tables, their escapes left out (tables x BINS)."""
    found = np.zeros((len(tables.size), len(BINS)))
    for i, share in enumerate(found):
        frequencies = tables.row(i)[:-1]
        np.add.at(share, bins(tables.first[i] + np.arange(len(frequencies))), frequencies / TOTAL)
    return found


def fitted(counts: Doubles) -> Doubles:
    """The heights at the knots (tables x knots) for which the counts (tables x BINS) are most likely; symmetric."""
    areas = tent_areas()
    inside = areas / areas.sum(axis=1, keepdims=True)  # of each tent, the share of each bin
    share = counts / counts.sum(axis=1, keepdims=True)
    mass = np.full((len(counts), len(areas)), 1 / len(areas))
    for _ in range(ITERATIONS):
        mass *= (share / np.maximum(mass @ inside, LEAST)) @ inside.T
    heights = mass / areas.sum(axis=1)
    return np.concatenate([heights[:, :0:-1], heights], axis=1)


def tent_areas() -> Doubles:
    """The area under each tent of a knot from 0 on within each bin, on the positive side (knots x BINS)."""
    knots = KNOT_ARRAY[KNOT_ARRAY >= 0]
    whole = np.arange(knots[-1] + 1)  # straight lines between whole numbers, so trapezoids are exact
    tents = np.array([np.interp(whole, knots, tent) for tent in np.eye(len(knots))])
    below = np.concatenate([np.zeros((len(knots), 1)), np.cumsum((tents[:, 1:] + tents[:, :-1]) / 2, axis=1)], axis=1)
    edges = np.append(STEP * BINS - STEP // 2, whole[-1])
    edges[0] = 0
    return np.diff(below[:, edges], axis=1)
