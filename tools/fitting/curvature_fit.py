"""Fitting the cost of errors of symbols (codec/model/curvature.py), once, when a model is exported.

Training pictures are encoded with rounded symbols, and a pass back through the synthesis gives the slope of the
distortion by each symbol k. For a parabola of curvature B whose lowest point is at alpha u, where u is the latent in
steps,

    -slope / 2 = B (alpha u - k)

so B alpha and B are found by linear regression, for each group of channels and each activity at each lambda point.
Where few symbols are met, they tend to those of all channels at that activity.
"""

import dataclasses

import numpy as np
from torch import Tensor

from lic.codec.file.container import POSITIONS
from lic.codec.model.curvature import ACTIVITIES, GROUP, activity_of, groups
from lic.codec.model.frozen import Doubles, FrozenModel
from lic.codec.model.operating_point import Latents, Look, OperatingPoint, Symbols
from lic.codec.picture.pixels import Pixels
from lic.codec.transform.engine import Engine, engine_of, in_steps
from lic.models.constants import PEAK
from lic.models.second_look import blend
from lic.tools.fitting.latents import pixels_of
from lic.tools.progress_bar import progress
from lic.tools.usage import BadOptions

CROPS, SIDE = 40, 320
LEAST, MOST = 0.25, 2.0  # steps from 0: nearer latents say little of the best value, farther ones are rare
START = (10.8, 1.2)  # B and alpha, where nothing is known
TRUST = 300  # symbols: the weight of START, and of the mean over all channels
LIMITS = (4.0, 25.0), (1.0, 2.0)  # of B and of alpha: no model that was measured comes near


def add_curvature(model: FrozenModel, crops: Tensor) -> FrozenModel:
    """A model with the cost of errors of its symbols, fitted to crops of pictures (uint8, count x 3 x side x side)."""
    if model.distortion != "mse":
        raise BadOptions(f"symbols are chosen by squared error, which model {model.name} is not trained for")
    rounding = dataclasses.replace(model, curvature=None, stretch=None)
    engine, points = engine_of(rounding), len(model.lambdas)
    sums = np.zeros((points, groups(model.channels), ACTIVITIES, 2, 3))
    for crop in progress(crops[:CROPS], "slopes of a picture"):
        pixels = pixels_of(crop)
        first, second = engine.analyse(pixels), engine.analyse(pixels, Look(1))
        for k in range(points):
            point = rounding.at(k * POSITIONS)
            sums[k] += moments(engine, pixels, blend(first, second, np.float32(point.second_look)), point)
    found = np.stack([regress(of_point) for of_point in sums])
    return dataclasses.replace(model, curvature=found[..., 0], stretch=found[..., 1])


def moments(engine: Engine, pixels: Pixels, latents: Latents, point: OperatingPoint) -> Doubles:
    """Sums of products of (u, -k) with (u, -k, -slope / 2), for each group of channels and each activity."""
    symbols: Symbols = np.concatenate([*engine.choose(latents, point)], axis=1)
    u = in_steps(engine, latents, symbols, point)
    slopes, _ = engine.slopes(symbols, pixels, point, slice(0, symbols.shape[1]))
    half = -slopes * point.unit * np.float32(point.lambda_ * PEAK**2 / 3)
    where = (np.abs(u) > LEAST) & (np.abs(u) < MOST)
    cells = (np.arange(len(u)) // GROUP * ACTIVITIES)[:, None, None] + activity_of(symbols)
    count = groups(len(u)) * ACTIVITIES
    values = u[where], -symbols[where], half[where]
    products = [np.bincount(cells[where], a * b.astype(np.float64), count) for a in values[:2] for b in values]
    return np.stack(products, axis=-1).reshape(-1, ACTIVITIES, 2, 3).astype(np.float64)


def regress(sums: Doubles) -> Doubles:
    """B and alpha of each group of channels and each activity, from sums of products."""
    squares, products = sums[..., :2], sums[..., 2]
    of_all = squares.sum(axis=(0, 1))
    prior = TRUST * of_all / max(of_all[0, 0], 1e-9)  # u^2 is about 1
    start = np.array([START[0] * START[1], START[0]])
    by_activity = _solve(squares.sum(axis=0), products.sum(axis=0), prior, start)
    found = _solve(squares, products, prior, by_activity)
    curvature = found[..., 1].clip(*LIMITS[0])
    return np.stack([curvature, (found[..., 0] / curvature).clip(*LIMITS[1])], axis=-1)


def _solve(squares: Doubles, products: Doubles, prior: Doubles, expected: Doubles) -> Doubles:
    """Least squares, with `expected` counting as much as observations whose squares sum to `prior`."""
    prior = prior + 1e-6 * np.eye(2)
    right = products + (prior * expected[..., None, :]).sum(axis=-1)
    solution: Doubles = np.linalg.solve(squares + prior, right[..., None])[..., 0]
    return solution
