"""The networks by the core in C: the same pixels and symbols on every machine."""

import threading
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.chunks import chunks_of
from lic.codec.file.geometry import CHUNK_ROWS, Region, latent_size, previewed
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import ONE_LOOK, Latents, Look, OperatingPoint, Symbols
from lic.codec.picture.pixels import Pixels
from lic.codec.progress import tell
from lic.codec.threads import threads
from lic.codec.transform.core_stream import Arrays, Levels, Need, Network, Stream, Task
from lic.codec.transform.dependent import levels_of
from lic.models.constants import DOWNSAMPLING

STRIP_ROWS = 256  # of pixels that are given at a time
ANALYSED_ROWS = 8  # of latents, likewise
WIDE = 2**13  # columns of pixels
ALL = 2**31  # rows


class CoreEngine:
    """An `Engine`. The networks are opened when they are first needed, as far as they are."""

    def __init__(self, model: FrozenModel) -> None:
        self._model, self._opening = model, threading.Lock()
        self._network: Network | None = None

    def _open(self, need: Need) -> Network:
        with self._opening:
            if self._network is None or self._network.need < need:
                self._network = Network(self._model, need)
            return self._network

    def analyse(self, pixels: Pixels, look: Look = ONE_LOOK) -> Latents:
        return np.concatenate([*self._analysed(pixels, self._model.at(0), look)], axis=1)  # at any point

    def _analysed(self, pixels: Pixels, point: OperatingPoint, look: Look) -> Iterator[Latents]:
        """The latents, some rows at a time."""
        size = pixels.shape[1], pixels.shape[0]
        rows, columns = latent_size(*size)
        stream = Stream(Task.ANALYSE, self._open(Need.ENCODE), threads(), size, point, look=look)
        arrays = Arrays(pixels=np.ascontiguousarray(pixels))
        for start, stop in _parts(rows, ANALYSED_ROWS):
            tell("second look" if look.share else "analysis", start, rows)
            latents = np.empty((self._model.channels, stop - start, columns), np.float32)
            stream.run(arrays._replace(latents_out=latents, first_out=start), ALL, stop)
            yield latents

    def encode(self, pixels: Pixels, point: OperatingPoint, look: Look | None = None) -> Iterator[Symbols]:
        latents = self._analysed(pixels, point, point.look(0) if look is None else look)
        return self._choose(latents, point, latent_size(pixels.shape[1], len(pixels)))

    def choose(self, latents: Latents, point: OperatingPoint) -> Iterator[Symbols]:
        return self._choose(iter(chunks_of(latents)), point, latents.shape[1:])

    def _choose(self, latents: Iterator[Latents], point: OperatingPoint, size: tuple[int, int]) -> Iterator[Symbols]:
        """The symbols of rows of latents, by chunks."""

        if not point.is_dependent:
            return self._round(latents, point, size, CHUNK_ROWS)

        def rounded(latents: Iterator[Latents]) -> Iterator[Symbols]:
            return self._round(latents, point, size, ANALYSED_ROWS)

        levels = Levels(self._open(Need.ENCODE), threads(), (min(size[0], CHUNK_ROWS), size[1]), point)
        return levels_of(latents, rounded, levels.choose)

    def _round(
        self, latents: Iterator[Latents], point: OperatingPoint, size: tuple[int, int], at_once: int
    ) -> Iterator[Symbols]:
        """Rounded latents, so many rows at a time. What is expected in them depends on the next ones."""
        rows, columns = size
        picture = columns * DOWNSAMPLING, rows * DOWNSAMPLING
        stream = Stream(Task.CHOOSE, self._open(Need.ENCODE), threads(), picture, point)
        chunks, end = _parts(rows, at_once), 0
        start, stop = next(chunks)
        symbols = np.empty((self._model.channels, stop - start, columns), np.int32)
        for part in latents:
            arrays = Arrays(latents=np.ascontiguousarray(part), first_in=end)
            end += part.shape[1]
            while stream.run(arrays._replace(symbols_out=symbols, first_out=start), end, stop) >= stop:
                yield symbols
                if stop == rows:
                    return
                start, stop = next(chunks)
                symbols = np.empty((self._model.channels, stop - start, columns), np.int32)

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
        left, top, right, bottom = region
        if right - left > WIDE and latent_size(*size)[0] <= CHUNK_ROWS:
            # The rows in memory are as long as the region: of a low picture they would take more than its pixels.
            given = [*chunks]
            pixels = np.empty((-(-bottom // reduce) - top // reduce, -(-right // reduce) - left // reduce, 3), np.uint8)
            for x in range(left, right, WIDE):
                part = pixels[:, (x - left) // reduce : -(-(min(x + WIDE, right) - left) // reduce)]
                row = 0
                of_part = x, top, min(x + WIDE, right), bottom
                for strip in self.decode(given, first_row, point, size, of_part, reduce, preview):
                    part[row : row + len(strip)] = strip
                    row += len(strip)
            yield pixels
            return
        task = Task.PREVIEW if preview else Task.DECODE
        if preview:  # from here on, numbers of pixels are those of the preview
            size, region, reduce = previewed(size, region, reduce)
            left, top, right, bottom = region
        stream = Stream(task, self._open(Need.DECODE), threads(), size, point, region, reduce)
        width, row = -(-right // reduce) - left // reduce, top // reduce
        strip = _strip(row, bottom, reduce, width)  # the next rows of the reduced picture
        for chunk in chunks:
            arrays = Arrays(symbols=np.ascontiguousarray(chunk), first_in=first_row)
            first_row += chunk.shape[1]
            while row * reduce < bottom:
                tell("synthesis", row * reduce - top, bottom - top)
                end = row + len(strip)
                done = stream.run(arrays._replace(pixels_out=strip, first_out=row), first_row, end * reduce)
                if done < min(end * reduce, bottom):
                    break  # more symbols are needed
                yield strip
                row = end
                strip = _strip(row, bottom, reduce, width)

    def filter(self, pixels: Pixels, point: OperatingPoint) -> Pixels:
        if point.filter is None:
            return pixels
        height, width = pixels.shape[:2]
        stream = Stream(Task.FILTER, self._open(Need.DECODE), threads(), (width, height), point)
        filtered = np.empty_like(pixels, order="C")
        stream.run(Arrays(pixels=np.ascontiguousarray(pixels), pixels_out=filtered), ALL, height)
        return filtered

    def slopes(
        self, symbols: Symbols, pixels: Pixels, point: OperatingPoint, rows: slice
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        height, width = pixels.shape[:2]
        region = 0, rows.start * DOWNSAMPLING, width, min(rows.stop * DOWNSAMPLING, height)
        stream = Stream(Task.SLOPES, self._open(Need.SEARCH), threads(), (width, height), point, region)
        slopes = np.empty((self._model.channels, rows.stop - rows.start, symbols.shape[2]), np.float32)
        errors = np.zeros(symbols.shape[1:], np.int32)
        arrays = Arrays(pixels=np.ascontiguousarray(pixels), symbols=np.ascontiguousarray(symbols))
        stream.run(arrays._replace(latents_out=slopes, first_out=rows.start, errors_out=errors), ALL, rows.stop)
        return slopes, errors

    def restore(self, symbols: Symbols, point: OperatingPoint) -> Latents:
        channels, rows, columns = symbols.shape
        size = columns * DOWNSAMPLING, rows * DOWNSAMPLING
        stream = Stream(Task.RESTORE, self._open(Need.DECODE), threads(), size, point)
        latents = np.empty((channels, rows, columns), np.float32)
        stream.run(Arrays(symbols=np.ascontiguousarray(symbols), latents_out=latents), ALL, rows)
        return latents


def _parts(rows: int, size: int) -> Iterator[tuple[int, int]]:
    """Where parts of so many rows begin and end."""
    for start in range(0, rows, size):
        yield start, min(start + size, rows)


def _strip(row: int, bottom: int, reduce: int, width: int) -> Pixels:
    """Room for the rows of a reduced picture from `row` on, up to a multiple of STRIP_ROWS rows of the whole one."""
    end = min((row * reduce // STRIP_ROWS + 1) * STRIP_ROWS, bottom)
    return np.empty((max(0, -(-end // reduce) - row), width, 3), np.uint8)
