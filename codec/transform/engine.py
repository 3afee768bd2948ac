"""The interface of engines, which run a model's networks, and the choice of one.

The core (C) is what runs by default. Where it has not been compiled, the same is computed by numpy, to the same bits,
but slowly. torch runs the networks on a GPU; its pixels may differ by a grey level, its symbols in a few places.
"""

import importlib
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lic.codec.errors import BadSetting, LicError
from lic.codec.file.geometry import Region
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import ONE_LOOK, Latents, Look, OperatingPoint, Symbols
from lic.codec.picture.pixels import Floats, Pixels

ENGINE_VARIABLE = "LIC_ENGINE"
ENGINES = {"core": "CoreEngine", "numpy": "NumpyEngine", "torch": "TorchEngine"}  # the class in NAME_engine.py


class Engine(Protocol):
    """A model's networks. Several threads may use an engine at once.

    Pictures are height x width x 3; latents and symbols are channels x rows x columns, and come in chunks of 64 rows
    where they come one after the other.
    """

    def __init__(self, model: FrozenModel) -> None: ...

    def analyse(self, pixels: Pixels, look: Look = ONE_LOOK) -> Latents:
        """The latents of a picture, a share of the way from the first look to the second; not scaled or rounded."""

    def encode(self, pixels: Pixels, point: OperatingPoint, look: Look | None = None) -> Iterator[Symbols]:
        """The symbols of a picture by chunks, each computed when asked for; by default without a search to come."""

    def choose(self, latents: Latents, point: OperatingPoint) -> Iterator[Symbols]:
        """The symbols of latents, likewise."""

    def decode(
        self,
        chunks: Iterable[Symbols],
        first_row: int,
        point: OperatingPoint,
        size: tuple[int, int],
        region: Region,
        reduce: int = 1,
        preview: bool = False,
    ) -> Iterator[Pixels]:
        """The pixels of a region of a picture of that size, in strips of rows, from chunks that begin at `first_row`.

        With `reduce`, those of a smaller picture, which has the means of squares of so many pixels to each side; as a
        `preview` (4 or 8), pixels near these by the model's small network for it, which takes a fraction of the time.
        """

    def filter(self, pixels: Pixels, point: OperatingPoint) -> Pixels:
        """A picture of whole blocks that was decoded without the filter of the operating point, after that filter."""

    def slopes(
        self, symbols: Symbols, pixels: Pixels, point: OperatingPoint, rows: slice
    ) -> tuple[Floats, NDArray[np.int32]]:
        """Of half the sum of squared errors, the slopes by latents in some rows; and the squared errors of all blocks.

        The slopes are those of pixels before they are rounded, in 0..1; predictions are taken as fixed. The errors are
        those of whole grey levels, summed over each block of 16 x 16 pixels; they are valid in these rows only.
        """

    def restore(self, symbols: Symbols, point: OperatingPoint) -> Latents:
        """The latents that a picture's symbols stand for."""


def engine_of(model: FrozenModel) -> Engine:
    """The engine of a model, made when it is first needed: torch for layers of one's own, whatever is asked for."""
    return _made(choose_engine("torch" if model.architecture.is_own else None)[1], model)


def decode_all(chunks: Iterable[Symbols], model: FrozenModel, point: OperatingPoint, size: tuple[int, int]) -> Pixels:
    """The pixels of a whole picture."""
    return np.concatenate([*engine_of(model).decode(chunks, 0, point, size, (0, 0, *size))])


def in_steps(engine: Engine, latents: Latents, symbols: Symbols, point: OperatingPoint) -> Latents:
    """The latents of a picture in steps, less those that are expected after these symbols."""
    return point.scale(latents - (engine.restore(symbols, point) - point.dequantise(symbols)))


def choose_engine(needed: str | None = None) -> tuple[str, type[Engine]]:
    """The name and the class of the engine that is needed or LIC_ENGINE names, else of the first that is there."""
    asked = needed or os.environ.get(ENGINE_VARIABLE)
    if asked and asked not in ENGINES:
        raise BadSetting(f"{ENGINE_VARIABLE} is {asked!r}: give one of {', '.join(ENGINES)}")
    for name in [asked] if asked else ENGINES:
        try:
            # They are imported here: torch takes seconds.
            return name, getattr(importlib.import_module(f"lic.codec.transform.{name}_engine"), ENGINES[name])
        except ImportError:
            continue
    if asked == "torch":
        raise LicError(f"{ENGINE_VARIABLE} asks for torch, which is missing: pip install 'lic-codec[train]'")
    raise LicError(f"{ENGINE_VARIABLE} asks for the compiled core: install lic where there is a C compiler")


@lru_cache(maxsize=4)
def _made(make: type[Engine], model: FrozenModel) -> Engine:
    return make(model)
