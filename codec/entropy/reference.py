"""The coder in numpy, which is the reference, and runs where the compiled one is missing.

The range coder is constriction's; no other file imports it.

A chunk of latents (channels x rows x columns) is one range-coder stream: the number of channels in use, then the
passes of each of those channels (see contexts.py). Within a pass, the symbols are sorted by table, and the values that
escaped from their tables follow.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import constriction
import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.tables import TOTAL_BITS, Ints, Tables
from lic.codec.entropy.walk import DAMAGED, MAX_SYMBOL, State, Symbols, Walk
from lic.codec.errors import Corrupt

PIECE_BITS = 16  # escaped values are written in uniform pieces of at most this many bits
MAX_CUT = 7  # bytes of 255 that are cut off at the end of a stream: the decoder appends no more

_uniform = constriction.stream.model.Uniform


def _model(frequencies: NDArray[np.int64]) -> object:
    """A coder model that uses exactly these frequencies (they sum to 2^24; the coder adds one to each weight)."""
    return constriction.stream.model.Categorical((frequencies - 1).astype(np.float64), perfect=False)


def _zigzag(value: int) -> int:
    """Signed to unsigned: 0, -1, 1, -2, 2 ... become 0, 1, 2, 3, 4 ..."""
    return 2 * value if value >= 0 else -2 * value - 1


def _put(coder: "constriction.stream.queue.RangeEncoder", value: int, size: int) -> None:
    coder.encode(np.array([value], np.int32), _uniform(size))


def _get(coder: "constriction.stream.queue.RangeDecoder", size: int) -> int:
    return int(coder.decode(_uniform(size)))


def _put_escaped(coder: "constriction.stream.queue.RangeEncoder", values: list[int]) -> None:
    """Elias-gamma-like: the bit length of the zigzagged value plus one, then the bits below the leading one."""
    for value in values:
        plus_one = _zigzag(value) + 1
        length = plus_one.bit_length() - 1
        _put(coder, length, 32)
        rest = plus_one - (1 << length)
        for shift in range(0, length, PIECE_BITS):
            bits = min(PIECE_BITS, length - shift)
            _put(coder, rest >> shift & (1 << bits) - 1, 1 << bits)


def _get_escaped(coder: "constriction.stream.queue.RangeDecoder", count: int) -> list[int]:
    values = []
    for _ in range(count):
        length = _get(coder, 32)
        rest = 0
        for shift in range(0, length, PIECE_BITS):
            rest |= _get(coder, 1 << min(PIECE_BITS, length - shift)) << shift
        value = rest + (1 << length) - 1
        values.append(value // 2 if value % 2 == 0 else -(value // 2) - 1)
    return values


class Library(dict[int, object]):
    """The coder models of tables, each made when it is first used: a chunk uses a few of them many times."""

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self.tables = tables
        self.escape = tables.size - 1  # each table's last entry

    @cached_property
    def bits(self) -> NDArray[np.float64]:
        """The ideal code length of each entry of `tables.flat`."""
        return TOTAL_BITS - np.log2(self.tables.flat)

    def __missing__(self, i: int) -> object:
        self[i] = _model(self.tables.row(i))
        return self[i]


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


class ReferenceCoder:
    """A `Coder`."""

    def __init__(self, tables: Tables, walk: Walk) -> None:
        self.tables, self.walk = tables, walk
        self.library = Library(tables)

    def encode(self, symbols: Symbols) -> bytes:
        """A chunk as bytes: for each pass, its symbols by their tables, then the values that escaped from these."""
        channels, rows, columns = symbols.shape
        values = _with_zero_cell(np.clip(symbols, -MAX_SYMBOL, MAX_SYMBOL).reshape(channels, -1))
        used = _used(values)
        coder = constriction.stream.queue.RangeEncoder()
        _put(coder, used, channels + 1)
        state = self.walk.start(rows, columns)
        for channel in range(used):
            for step in steps(state, channel, values[channel]):
                coded = values[channel][step.places]
                entries, escaped = _entries(coded, step.tables, self.library)
                for i, start, end in step.runs():
                    coder.encode(entries[start:end], self.library[i])
                _put_escaped(coder, coded[escaped].tolist())
        # Big-endian words, without the trailing ones that the decoder appends anyway.
        data = coder.get_compressed().astype(">u4").tobytes()
        return bytes(data[: max(len(data.rstrip(b"\xff")), len(data) - MAX_CUT)])

    def decode(self, data: bytes, shape: tuple[int, int, int]) -> Symbols:
        channels, rows, columns = shape
        data += b"\xff" * 4  # the ones that the encoder cut off, and enough to start with
        words = np.frombuffer(data + b"\xff" * (-len(data) % 4), ">u4").astype(np.uint32)
        coder = constriction.stream.queue.RangeDecoder(words)
        values = np.zeros((channels, rows * columns + 1), np.int64)
        state = self.walk.start(rows, columns)
        try:
            for channel in range(_get(coder, channels + 1)):
                for step in steps(state, channel, values[channel]):
                    entries = np.empty(len(step.places), np.int64)
                    for i, start, end in step.runs():
                        entries[start:end] = coder.decode(self.library[i], end - start)
                    found = entries + self.library.tables.first[step.tables]
                    escaped = (entries == self.library.escape[step.tables]).nonzero()[0]
                    found[escaped] = _get_escaped(coder, len(escaped))
                    values[channel][step.places] = found
        except AssertionError as error:  # constriction: "invalid compressed data"
            raise Corrupt(DAMAGED) from error
        if np.abs(values).max() > MAX_SYMBOL:
            raise Corrupt(DAMAGED)
        return values[:, :-1].astype(np.int32).reshape(shape)

    def bits(self, symbols: Symbols) -> NDArray[np.float32]:
        return self.shifted_bits(symbols, (0,))[0]

    def shifted_bits(self, symbols: Symbols, shifts: Sequence[int]) -> NDArray[np.float32]:
        values = _with_zero_cell(symbols.reshape(len(symbols), -1))
        bits = np.zeros((len(shifts), *values[:, :-1].shape), np.float32)
        used = _used(values)
        bits[np.array(shifts) != 0, used:] = np.inf
        state = self.walk.start(*symbols.shape[1:])
        for channel in range(used):
            for step in steps(state, channel, values[channel]):
                coded = values[channel][step.places]
                for i, shift in enumerate(shifts):
                    entries, escaped = _entries(coded + shift, step.tables, self.library)
                    cost = self.library.bits[self.library.tables.start[step.tables] + entries]
                    cost[escaped] += [4 + (_zigzag(v + shift) + 1).bit_length() for v in coded[escaped].tolist()]
                    bits[i, channel, step.places] = cost
        return bits.reshape(len(shifts), *symbols.shape)


def _used(values: Ints) -> int:
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
