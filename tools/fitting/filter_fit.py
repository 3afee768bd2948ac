"""The weights of the filter behind the synthesis: least squares on decoded pictures (codec/picture/filtering.py).

For each lambda point, class of blocks and colour plane, the weights are those with the least squared error between
filtered and original pixels, plus a penalty on the weights. A picture counts by the inverse of its squared error, so
all gain alike in PSNR. The filter is linear in its weights; only its clipping and its rounding are left out.
"""

from dataclasses import replace

import numpy as np
from torch import Tensor

from lic.codec.entropy.tables import Ints
from lic.codec.file.container import POSITIONS
from lic.codec.model.frozen import Doubles, FrozenModel
from lic.codec.picture.filtering import (
    CLASSES,
    LIMITS,
    MOST_WEIGHTS,
    PLANES,
    SHAPE,
    TAPS,
    WEIGHT_BITS,
    classes_of,
    differences,
)
from lic.codec.picture.pixels import Pixels
from lic.codec.transform.engine import decode_all, engine_of
from lic.tools.fitting.latents import pixels_of
from lic.tools.progress_bar import progress
from lic.tools.usage import BadOptions

CROPS, SIDE = 256, 160  # many small ones: what pictures have in common counts
RIDGE = 0.1  # of the differences' squares; without it, other pictures would gain less


class Equations:
    """The normal equations of a lambda point, summed over pictures."""

    def __init__(self) -> None:
        self.squares = np.zeros((*SHAPE, TAPS))
        self.products = np.zeros(SHAPE)

    def add(self, decoded: Pixels, original: Pixels) -> None:
        errors = original.astype(np.int64) - decoded
        share = 1 / max(1, np.square(errors).sum())
        classes = classes_of(decoded).ravel()
        order = np.argsort(classes, kind="stable")
        parts = np.split(order, np.searchsorted(classes[order], np.arange(1, CLASSES)))
        for k, plane in enumerate(PLANES):
            columns = [d.ravel() for d in differences(decoded @ plane, LIMITS[k])]
            x, y = np.stack(columns, axis=1).astype(np.float32), (errors @ plane).ravel().astype(np.float32)
            for c, part in enumerate(parts):
                self.squares[c, k] += share * (x[part].T @ x[part])
                self.products[c, k] += share * (x[part].T @ y[part])

    def weights(self) -> Ints:
        found = np.zeros(SHAPE, np.int64)
        for c in range(CLASSES):
            for k, plane in enumerate(PLANES):
                # A plane's change by 1 changes red, green and blue by the plane over its squared length.
                scale = 2**WEIGHT_BITS / np.square(plane).sum()
                found[c, k] = _bounded(self.squares[c, k], self.products[c, k], scale)
        return found


def fit_filter(model: FrozenModel, crops: Tensor) -> FrozenModel:
    """The model with a filter, fitted on pictures (uint8, count x 3 x height x width)."""
    if model.distortion != "mse":
        raise BadOptions(f"the filter lowers squared error, which model {model.name} is not trained for: leave it out")
    bare = replace(model, filter=None)
    points = [bare.at(k * POSITIONS) for k in range(len(model.lambdas))]
    engine, equations = engine_of(bare), [Equations() for _ in points]
    for crop in progress(crops, "filter, picture"):
        pixels = pixels_of(crop)
        size = pixels.shape[1], pixels.shape[0]
        for point, of_point in zip(points, equations, strict=True):
            of_point.add(decode_all(engine.encode(pixels, point), bare, point, size), pixels)
    return replace(model, filter=np.stack([of_point.weights() for of_point in equations]))


def _bounded(squares: Doubles, products: Doubles, scale: float) -> Ints:
    """The solution as integers, pulled towards 0 until it is within bounds."""
    ridge = RIDGE
    while True:
        own = np.diag(squares)
        if not own.all():
            return np.zeros(TAPS, np.int64)  # there is no pixel of this class, or no difference
        solution = np.linalg.solve(squares + ridge * np.diag(own), products)
        weights = np.round(scale * solution).astype(np.int64)
        if np.abs(weights).sum() <= MOST_WEIGHTS:
            return weights
        ridge *= 2
