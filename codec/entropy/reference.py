"""The coder in numpy, which is the reference, and runs where the compiled one is missing.

A chunk of latents (channels x rows x columns) is one range-coder stream: the number of channels in use, then the
passes of each of those channels (see contexts.py). Within a pass, the symbols are sorted by table, and the values that
escaped from their tables follow; but with dependent quantisation they are in row-major order, each escaped value in its
place, since every symbol depends on the one before.
"""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.level_choice import Choice, choose_levels
from lic.codec.entropy.prices import NO_TABLE, Numbers, Prices, PricingCoder
from lic.codec.entropy.quantisers import QUANTISERS, Turns
from lic.codec.entropy.range_coder import RangeDecoder, RangeEncoder
from lic.codec.entropy.tables import Ints, Tables
from lic.codec.entropy.walk import DAMAGED, MAX_SYMBOL, State, Symbols, Walk
from lic.codec.errors import Corrupt


class Library:
    """The tables, as they are needed."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.escape = tables.size - 1  # each table's last entry
        self.total = np.concatenate([[0], np.cumsum(tables.flat)])  # of all entries before, of all tables
        self.borders = cache(self._borders)

    def _borders(self, i: int) -> list[int]:
        """The sums of the frequencies below each entry of a table, and the total."""
        start = self.tables.start[i]
        borders = self.total[start : start + self.tables.size[i] + 1] - self.total[start]
        return cast(list[int], borders.tolist())

    def parts(self, entries: Symbols, tables: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
        """For each entry the sum of the frequencies before it in its table, and its own."""
        start = self.tables.start[tables]
        below = self.total[start + entries] - self.total[start]
        return zip(below.tolist(), self.tables.flat[start + entries].tolist(), strict=True)


class Step(NamedTuple):
    """The symbols of a pass in coding order: sorted by table, then by block position."""

    places: NDArray[np.intp]
    tables: NDArray[np.intp]

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """Each table in use, with the start and the end of its run of symbols."""
        starts = [0, *((self.tables[1:] != self.tables[:-1]).nonzero()[0] + 1).tolist()]
        return zip(self.tables[starts].tolist(), starts, [*starts[1:], len(self.tables)], strict=True)


def steps(state: State, channel: int, values: Ints) -> Iterator[Step]:
    """The passes of a channel, one step each; between them the caller codes the values."""
    for p in state.passes(channel):
        tables = state.choose(channel, p, values)
        order = tables.argsort(kind="stable")
        yield Step(p.places[order], tables[order].astype(np.intp))
    state.add(channel, values)


class ReferenceCoder(PricingCoder):
    """A `Coder`."""

    def __init__(self, tables: Tables, walk: Walk, dependent: bool = False) -> None:
        super().__init__(lambda: Prices(tables, dependent))
        self.library, self.walk = Library(tables), walk

    def encode(self, symbols: Symbols) -> bytes:
        """A chunk as bytes: for each pass, its symbols by their tables, then the values that escaped from these."""
        channels, rows, columns = symbols.shape
        values = _with_zero_cell(np.clip(symbols, -MAX_SYMBOL, MAX_SYMBOL).reshape(channels, -1))
        used = _used(values)
        coder = RangeEncoder()
        coder.put_uniform(used, channels + 1)
        state = self.walk.start(rows, columns)
        for channel in range(used):
            for step in steps(state, channel, values[channel]):
                coded = values[channel][step.places]
                entries, escaped = _entries(coded, step.tables, self.library)
                coder.put(self.library.parts(entries, step.tables))
                for value in coded[escaped].tolist():
                    coder.put_escaped(value)
        return coder.finish()

    def decode(self, data: bytes, shape: tuple[int, int, int]) -> Symbols:
        channels, rows, columns = shape
        coder = RangeDecoder(data)
        values = np.zeros((channels, rows * columns + 1), np.int64)
        state = self.walk.start(rows, columns)
        for channel in range(coder.get_uniform(channels + 1)):
            for step in steps(state, channel, values[channel]):
                entries = np.empty(len(step.places), np.int64)
                for i, start, end in step.runs():
                    entries[start:end] = coder.get(self.library.borders(i), end - start)
                found = entries + self.library.tables.first[step.tables]
                escaped = (entries == self.library.escape[step.tables]).nonzero()[0]
                found[escaped] = [coder.get_escaped() for _ in escaped]
                values[channel][step.places] = found
        if np.abs(values).max() > MAX_SYMBOL:
            raise Corrupt(DAMAGED)
        return values[:, :-1].astype(np.int32).reshape(shape)

    def find_tables(self, symbols: Symbols) -> Numbers:
        values = _with_zero_cell(symbols.reshape(len(symbols), -1))
        numbers = np.full(values[:, :-1].shape, NO_TABLE, np.uint16)
        state = self.walk.start(*symbols.shape[1:])
        for channel in range(_used(values)):
            for step in steps(state, channel, values[channel]):
                numbers[channel, step.places] = step.tables
        return numbers.reshape(symbols.shape)

    def guess_tables(self, numbers: Symbols) -> Numbers:
        return ReferenceCoder.find_tables(self, numbers)

    def choose_levels(self, levels: Symbols, phase: int, choice: Choice) -> None:
        raise ValueError("one quantiser has no levels to choose")


class Coded(NamedTuple):
    """The symbols of a pass in coding order: numbers of the quantisers, and tables of these."""

    channel: int
    places: NDArray[np.intp]
    numbers: Ints
    tables: NDArray[np.intp]


class DependentCoder(ReferenceCoder):
    """A `Coder` of levels that two quantisers share: see quantisers.py."""

    def __init__(self, tables: Tables, walk: Walk, states: NDArray[np.uint8]) -> None:
        super().__init__(tables, walk, dependent=True)
        self.states = states
        self.pairs = len(tables.first) // QUANTISERS

    def encode(self, symbols: Symbols) -> bytes:
        coder = RangeEncoder()
        coder.put_uniform(_used(symbols.reshape(len(symbols), -1)), len(symbols) + 1)
        for coded in self._passes(symbols):
            entries, _ = _entries(coded.numbers, coded.tables, self.library)
            parts = self.library.parts(entries, coded.tables)
            escapes = entries == self.library.escape[coded.tables]
            for part, escape, number in zip(parts, escapes.tolist(), coded.numbers.tolist(), strict=True):
                coder.put([part])
                if escape:
                    coder.put_escaped(number)
        return coder.finish()

    def choose_levels(self, levels: Symbols, phase: int, choice: Choice) -> None:
        choose_levels(levels, phase, choice, self.prices, self.states)

    def decode(self, data: bytes, shape: tuple[int, int, int]) -> Symbols:
        channels, rows, columns = shape
        coder = RangeDecoder(data)
        levels = np.zeros((channels, rows * columns), np.int64)
        state, turns = self.walk.start(rows, columns), Turns(self.states)
        for channel in range(coder.get_uniform(channels + 1)):
            numbers = np.zeros(rows * columns + 1, np.int64)
            for p in state.passes(channel):
                chosen = state.choose(channel, p, numbers)
                for place, table in zip(p.places.tolist(), chosen.tolist(), strict=True):
                    number = self._get(coder, table + self.pairs * turns.quantiser(p.number))
                    numbers[place], levels[channel, place] = number, turns.level_of(number, p.number)
            state.add(channel, numbers)
        if np.abs(levels).max() > MAX_SYMBOL:
            raise Corrupt(DAMAGED)
        return levels.astype(np.int32).reshape(shape)

    def find_tables(self, symbols: Symbols) -> Numbers:
        found = np.full((len(symbols), symbols[0].size), NO_TABLE, np.uint16)
        for coded in self._passes(symbols):
            found[coded.channel, coded.places] = coded.tables
        return found.reshape(symbols.shape)

    def _get(self, coder: RangeDecoder, table: int) -> int:
        (entry,) = coder.get(self.library.borders(table), 1)
        escapes = entry == self.library.escape[table]
        return coder.get_escaped() if escapes else int(entry + self.library.tables.first[table])

    def _passes(self, symbols: Symbols) -> Iterator[Coded]:
        """The passes of a chunk of levels."""
        levels = symbols.reshape(len(symbols), -1)
        state, turns = self.walk.start(*symbols.shape[1:]), Turns(self.states)
        for channel in range(_used(levels)):
            numbers = np.zeros(levels.shape[1] + 1, np.int64)
            for p in state.passes(channel):
                tables = state.choose(channel, p, numbers).astype(np.intp)
                for i, place in enumerate(p.places.tolist()):
                    tables[i] += self.pairs * turns.quantiser(p.number)
                    numbers[place] = turns.number_of(int(levels[channel, place]), p.number)
                yield Coded(channel, p.places, numbers[p.places], tables)
            state.add(channel, numbers)


def _used(values: NDArray[np.integer]) -> int:
    """The number of channels up to the last that is not all zero."""
    return int(np.flatnonzero(values.any(axis=1)).max(initial=-1)) + 1


def _entries(values: Ints, chosen: NDArray[np.intp], library: Library) -> tuple[Symbols, NDArray[np.intp]]:
    """Each value's entry in its table, and which values escape."""
    escape = library.escape[chosen]
    entries = values - library.tables.first[chosen]
    # As unsigned numbers, negative ones are also beyond the end.
    outside = (entries.view(np.uint64) >= escape.view(np.uint64)).nonzero()[0]
    entries[outside] = escape[outside]
    return entries.astype(np.int32), outside


def _with_zero_cell(values: NDArray[np.integer]) -> Ints:
    """Channels x block positions, plus a zero for neighbours that do not exist."""
    return np.pad(values.astype(np.int64), ((0, 0), (0, 1)))
