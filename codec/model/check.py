"""Whether a model file holds a model: the names, types, shapes and values of its arrays.

Each check raises ValueError with the reason; who loads the file adds its name.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.contexts import FEATURES, PREDICTED_CHANNELS, earlier_size
from lic.codec.entropy.tables import MAX_HEIGHT, MAX_STEP, STEP_BITS, TOTAL, Ints, frequency_tables
from lic.codec.model.frozen import ARRAYS, CONTEXT_ARRAYS
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.density import KNOTS

Arrays = dict[str, NDArray[Any]]
Shape = tuple[int, ...]

MAX_WIDTH = 2**16
MAX_TABLES = 256  # their numbers are bytes
MAX_ENTRIES = 2**24  # of all tables at a position, some 100 times what a trained model has


def check_arrays(arrays: Arrays, card: dict[str, Any]) -> None:
    """Refuse what is not the content of a model with this card."""
    if card["format"] != 1:
        raise ValueError(f"it is of format {card['format']}, this lic reads format 1")
    if not all(type(card[key]) is int and 1 <= card[key] <= MAX_WIDTH for key in ("n", "m")):
        raise ValueError(f"its card claims {card['n']} channels and {card['m']} latents")
    shares = card.get("second_look", [0] * len(card["lambdas"]))
    if len(shares) != len(card["lambdas"]) or not all(0 <= share <= 1 for share in shares):
        raise ValueError("its card's second_look is not a share for each lambda point")
    kinds = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
    expected = _kinds(arrays, card)
    for name in sorted(kinds.keys() | expected.keys()):
        if kinds.get(name) != expected.get(name):
            raise ValueError(f"tensor {name} is {kinds.get(name, 'missing')}, not {expected.get(name, 'known')}")
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"tensor {name} holds numbers that are not finite")
    _check_values(arrays)


def _kinds(arrays: Arrays, card: dict[str, Any]) -> dict[str, tuple[str, Shape]]:
    """Type and shape of each array of a model, as numpy names them."""
    points, m, knots = len(card["lambdas"]), card["m"], len(KNOTS)
    shapes: dict[str, Shape] = {"heights": (m, knots), "steps": (points, m), "unit": (m,), "restore": (points, m)}
    kinds = {name: (_little_endian(ARRAYS[name]), shape) for name, shape in shapes.items()}
    for name, shape in _network_shapes(card["n"], m).items():
        if name.startswith(("analysis.", "synthesis.")):
            kinds[name] = _little_endian(np.float16), shape
    if any(name.startswith("contexts.") for name in arrays):
        tables = min(len(arrays["contexts.heights"]), MAX_TABLES)
        thresholds = arrays["contexts.thresholds"].size
        shapes = {
            "weights": (points, m, 3, FEATURES),
            "prediction": (points, PREDICTED_CHANNELS, 3, 4),
            "thresholds": (thresholds,),
            "index": (points, m, 3, thresholds + 1),
            "heights": (tables, knots),
            "steps": (tables,),
        }
        if "contexts.earlier" in arrays:
            shapes["earlier"] = points, earlier_size(m)
        kinds |= {f"contexts.{name}": (_little_endian(CONTEXT_ARRAYS[name]), shape) for name, shape in shapes.items()}
    return kinds


def _little_endian(kind: type) -> str:
    return np.dtype(kind).newbyteorder("<").str


def _network_shapes(n: int, m: int) -> dict[str, Shape]:
    """The shapes of a network of any width, without its memory: each side grows linearly with n and with m."""
    one, wide, deep = (RateDistortionAutoencoder(*widths).state_dict() for widths in ((1, 1), (2, 1), (1, 2)))
    return {
        name: tuple(
            side + (n - 1) * (by_n - side) + (m - 1) * (by_m - side)
            for side, by_n, by_m in zip(tensor.shape, wide[name].shape, deep[name].shape, strict=True)
        )
        for name, tensor in one.items()
    }


def _check_values(arrays: Arrays) -> None:
    if not ((arrays["unit"] > 0).all() and (arrays["restore"] >= 0).all()):
        raise ValueError("its scales are not positive")
    for prefix in ("", "contexts.") if "contexts.index" in arrays else ("",):
        heights, steps = arrays[f"{prefix}heights"], arrays[f"{prefix}steps"]
        if heights.min() < 0 or heights.max() > MAX_HEIGHT or not heights.any(axis=1).all():
            raise ValueError(f"{prefix}heights are out of range")
        if steps.min() < 1 or steps.max() > MAX_STEP:
            raise ValueError(f"{prefix}steps are out of range")
    if "contexts.index" in arrays:
        if arrays["contexts.index"].max() >= len(arrays["contexts.heights"]):
            raise ValueError("its contexts name tables that are not there")
        if (arrays["contexts.thresholds"][1:] < arrays["contexts.thresholds"][:-1]).any():
            raise ValueError("its contexts' thresholds are not in order")
        _check_tables(arrays["contexts.heights"], arrays["contexts.steps"])
    else:
        for steps in arrays["steps"]:
            _check_tables(arrays["heights"], steps)


def _check_tables(heights: Ints, steps: Ints) -> None:
    """What the range coder relies on, for a table of each row."""
    heights, steps = heights.astype(np.int64), steps.astype(np.int64)
    if ((2 * KNOTS[-1] << STEP_BITS) // steps).sum() > MAX_ENTRIES:
        raise ValueError("its steps are too small for tables of a sensible size")
    tables = frequency_tables(heights, steps, np.array(KNOTS))
    if tables.flat.min() < 1 or (np.add.reduceat(tables.flat, tables.start) != TOTAL).any():
        raise ValueError("its tables do not add up")
