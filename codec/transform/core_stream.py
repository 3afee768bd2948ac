"""The networks in C, as Python sees them: `Network` has a model's, a `Stream` is one task on one picture.

A stream takes rows and gives rows, so large pictures need little memory. The names are those of core/core.h.
"""

import os
from enum import IntEnum
from threading import Thread
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.core import _core
from lic.codec.errors import BadSetting
from lic.codec.file.geometry import Region
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import ONE_LOOK, Latents, Look, OperatingPoint, Symbols
from lic.codec.transform.described import networks
from lic.models.architecture import PREVIEW
from lic.models.constants import DOWNSAMPLING

KERNELS_VARIABLE = "LIC_KERNELS"  # "1", "4", "8" or "16" floats in a vector, to test that all give the same bits


class Task(IntEnum):
    """As in core.h."""

    DECODE = 0
    ANALYSE = 1
    CHOOSE = 2
    SLOPES = 3
    RESTORE = 4
    PREVIEW = 5
    FILTER = 6  # 7 is for the core alone


class Need(IntEnum):
    """The purpose of opening a network; each includes those before it, and takes more time and memory."""

    DECODE = 0
    ENCODE = 1
    SEARCH = 2  # slopes


def packed(model: FrozenModel, need: Need = Need.SEARCH) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The sizes of a model's layers, and their tensors one after the other, as core/network.c reads them."""
    sizes, names = networks(model, encoder=need > Need.DECODE)
    return np.array(sizes, np.int32), np.concatenate([model.weight(name).ravel() for name in names], dtype=np.float32)


class Network:
    """The networks of a model in C."""

    def __init__(self, model: FrozenModel, need: Need = Need.SEARCH) -> None:
        self.need = need
        self.opened = _core.open_network(*packed(model, need), need == Need.SEARCH)
        self.channels = model.channels


def chosen_kernels() -> str | None:
    """The name of those to be used; None for the best."""
    kernels = os.environ.get(KERNELS_VARIABLE) or None
    if not _core.has_kernels(kernels):
        raise BadSetting(f"{KERNELS_VARIABLE} is {kernels!r}: this processor has no such vectors")
    return kernels


class Team:
    """Threads that share the work of a stream, as long as the context lasts."""

    def __init__(self, threads: int) -> None:
        self.opened = _core.open_team(threads)
        self._threads, self._lent = threads, list[Thread]()

    def __enter__(self) -> None:
        _core.begin(self.opened)
        self._lent = [Thread(target=_core.work, args=(self.opened, i), daemon=True) for i in range(1, self._threads)]
        for thread in self._lent:
            thread.start()

    def __exit__(self, *_: object) -> None:
        _core.end(self.opened)
        for thread in self._lent:
            thread.join()


class Arrays(NamedTuple):
    """The arrays that a stream reads and writes. Arrays of rows begin at row `first_in` or `first_out`."""

    pixels: NDArray[np.uint8] | None = None  # the whole picture
    symbols: NDArray[np.int32] | None = None
    latents: NDArray[np.float32] | None = None
    first_in: int = 0
    pixels_out: NDArray[np.uint8] | None = None
    latents_out: NDArray[np.float32] | None = None
    symbols_out: NDArray[np.int32] | None = None
    errors_out: NDArray[np.int32] | None = None  # of all blocks
    first_out: int = 0


class Stream:
    """One task on one picture, or on a region of it."""

    def __init__(
        self,
        task: Task,
        network: Network,
        threads: int,
        size: tuple[int, int],
        point: OperatingPoint,
        region: Region | None = None,
        reduce: int = 1,
        look: Look = ONE_LOOK,
    ) -> None:
        self._network = network  # must live as long as this
        self._team = Team(threads)
        self._size, self._region, self._reduce = size, region or (0, 0, *size), reduce
        self._block = DOWNSAMPLING // PREVIEW if task == Task.PREVIEW else DOWNSAMPLING
        weights = None if point.filter is None else point.filter.astype(np.int16)
        of_point = point.rate, weights, look.share, look.quick
        self._stream = _core.open_stream(
            int(task), network.opened, self._team.opened, chosen_kernels(), size, self._region, reduce, *of_point
        )
        self.source, self.result = _core.rows(self._stream)

    def run(self, arrays: Arrays, source_end: int, result_end: int) -> int:
        """Take input up to a row of latents, as far as is needed to complete the rows of the result up to another one.

        Returns the first row of the result that is not complete.
        """
        self._check(arrays)
        inputs = [array.shape[1] for array in (arrays.symbols, arrays.latents) if array is not None]
        outputs = [array for array in (arrays.latents_out, arrays.symbols_out) if array is not None]
        rows_in, rows_out = inputs[0] if inputs else 0, outputs[0].shape[1] if outputs else 0
        if arrays.pixels_out is not None:
            rows_out = len(arrays.pixels_out)
        with self._team:
            done: int = _core.run(
                self._stream,
                (arrays.pixels, arrays.symbols, arrays.latents),
                (arrays.first_in, rows_in),
                (arrays.pixels_out, arrays.latents_out, arrays.symbols_out, arrays.errors_out),
                (arrays.first_out, rows_out),
                source_end,
                result_end,
            )
        return done

    def _check(self, arrays: Arrays) -> None:
        """The core cannot know how large arrays are."""
        width, height = self._size
        rows, columns = -(-height // self._block), -(-width // self._block)
        left, _, right, _ = self._region
        of_latents = self._network.channels, None, columns
        shapes: dict[str, tuple[int | None, ...]] = {
            "pixels": (height, width, 3),
            "symbols": of_latents,
            "latents": of_latents,
            "pixels_out": (None, -(-right // self._reduce) - left // self._reduce, 3),
            "latents_out": of_latents,
            "symbols_out": of_latents,
            "errors_out": (rows, columns),
        }
        for name, shape in shapes.items():
            array = getattr(arrays, name)
            if array is None:
                continue
            if array.ndim != len(shape) or any(n not in (None, m) for n, m in zip(shape, array.shape, strict=True)):
                raise ValueError(f"{name} have the shape {array.shape} instead of {shape}")


class Levels:
    """The choice of levels, of one chunk after the other: codec/transform/dependent.py."""

    def __init__(self, network: Network, threads: int, size: tuple[int, int], point: OperatingPoint) -> None:
        self._network, self._team, self._rate = network, Team(threads), point.rate  # must live as long as this
        self._rows, self._columns = size
        self._levels = _core.open_levels(network.opened, self._team.opened, chosen_kernels(), point.rate, *size)

    def choose(self, latents: Latents, symbols: Symbols, below: Symbols | None) -> Symbols:
        """The levels of the next chunk, of up to the rows of `size`, in the place of its rounded symbols."""
        rows = symbols.shape[1]
        for array in (latents, symbols, symbols if below is None else below):
            channels, height, columns = array.shape
            if (channels, columns) != (self._network.channels, self._columns) or not 1 <= height <= self._rows:
                raise ValueError(f"a chunk of {rows} rows does not go with an array of the shape {array.shape}")
        if latents.shape != symbols.shape:
            raise ValueError(f"latents have the shape {latents.shape}, symbols {symbols.shape}")
        beyond = None if below is None else np.ascontiguousarray(below, np.int32)
        rows_below = 0 if below is None else below.shape[1]
        with self._team:
            _core.next_levels(self._levels, self._rate, rows, self._columns, latents, symbols, beyond, rows_below)
        return symbols
