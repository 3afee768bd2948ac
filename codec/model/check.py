"""Validation of model files: the names, types, shapes and values of the arrays.

Each check raises ValueError with the reason; the loader adds the file's name.
"""

from typing import Any

import numpy as np

from lic.codec.entropy.entropy_model import EntropyModel
from lic.codec.entropy.tables import Arrays, Kind, check_densities
from lic.codec.model.frozen import STORED_TYPES
from lic.codec.model.network_weights import stored_kinds
from lic.codec.picture import filtering
from lic.models.architecture import Architecture
from lic.models.constants import KNOTS


def check_arrays(arrays: Arrays, card: dict[str, Any], entropy: type[EntropyModel]) -> None:
    """Refuse arrays that do not fit a card; the entropy model `entropy` checks its own values when it is made."""
    architecture, points = Architecture.of_card(card), len(card["lambdas"])
    shares = card["second_look"]
    if len(shares) != points or not all(0 <= share <= 1 for share in shares):
        raise ValueError("its card's second_look is not a share for each lambda point")
    quick = card.get("quick_look", [0] * points)
    if len(quick) != points or not all(0 <= share <= 1 for share in quick):
        raise ValueError("its card's quick_look is not a share for each lambda point")
    if any(quick) and not architecture.extra_tensors["quick_look"].keys() <= arrays.keys():
        raise ValueError("its card's quick_look needs a tensor that is missing")
    kinds = {name: Kind(array.dtype.str, array.shape) for name, array in arrays.items()}
    expected = _scales(points, architecture) | entropy.kinds(arrays, points, architecture.m)
    expected |= stored_kinds(arrays, architecture)
    if "filter" in arrays:
        expected["filter"] = Kind.of(STORED_TYPES["filter"], (points, *filtering.SHAPE))
    for name in sorted(kinds.keys() | expected.keys()):
        if kinds.get(name) != expected.get(name):
            raise ValueError(f"tensor {name} is {kinds.get(name, 'missing')}, not {expected.get(name, 'known')}")
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"tensor {name} holds numbers that are not finite")
    if not ((arrays["unit"] > 0).all() and (arrays["restore"] >= 0).all()):
        raise ValueError("its scales are not positive")
    if "filter" in arrays and np.abs(arrays["filter"].astype(int)).sum(axis=-1).max() > filtering.MOST_WEIGHTS:
        raise ValueError("its filter's weights are out of range")
    check_densities(arrays["heights"], arrays["steps"])


def _scales(points: int, architecture: Architecture) -> dict[str, Kind]:
    m = architecture.m
    shapes = {"heights": (m, len(KNOTS)), "steps": (points, m), "unit": (m,), "restore": (points, m)}
    if architecture.predictors:
        shapes["trust"] = points, m
    return {name: Kind.of(STORED_TYPES[name], shape) for name, shape in shapes.items()}
