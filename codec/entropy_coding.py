"""Integer latents <-> bytes. The only file that imports constriction.

A chunk of latents (channels x rows x columns) is one range-coder stream: the number of channels in use, then the
passes of each of those channels (see contexts.py). Within a pass, the symbols go table by table, and after them the
values that escaped from their tables.
"""

from collections.abc import Iterator

import constriction
import numpy as np
from numpy.typing import NDArray

from lic.codec.contexts import ContextState, Pass, PlainState
from lic.codec.errors import Corrupt
from lic.codec.tables import TOTAL_BITS, Ints, Tables

Symbols = NDArray[np.int32]
State = ContextState | PlainState

PIECE_BITS = 16  # escaped values are written in uniform pieces of at most this many bits
MAX_SYMBOL = 2**30  # larger latents are clamped when coded; no picture comes near

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


class Library:
    """Coder models made of tables, each when first used; a chunk uses few of them, many times."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._models: dict[int, object] = {}

    def model(self, i: int) -> object:
        if i not in self._models:
            self._models[i] = _model(self.tables.row(i))
        return self._models[i]


def _runs(chosen: NDArray[np.integer]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """The tables in use in rising order, each with the places (in rising order) that use it."""
    order = np.argsort(chosen, kind="stable")
    borders = np.flatnonzero(np.diff(chosen[order])) + 1
    for places in np.split(order, borders):
        yield int(chosen[places[0]]), places


def encode_symbols(symbols: Symbols, library: Library, state: State) -> bytes:
    """One chunk of latents (channels x rows x columns) as bytes.

    >>> from lic.codec.contexts import PlainState
    >>> from lic.codec.tables import frequency_tables
    >>> library = Library(frequency_tables(np.array([[0, 9, 0]]), np.array([2048]), np.array([-1, 0, 1])))
    >>> symbols = np.array([[[0, -1, 1, 7000]]], np.int32)
    >>> data = encode_symbols(symbols, library, PlainState(1, 4))
    >>> decode_symbols(data, symbols.shape, library, PlainState(1, 4))
    array([[[   0,   -1,    1, 7000]]], dtype=int32)
    """
    channels = len(symbols)
    values = _with_zero_cell(np.clip(symbols, -MAX_SYMBOL, MAX_SYMBOL).reshape(channels, -1))
    used = _used(values)
    coder = constriction.stream.queue.RangeEncoder()
    _put(coder, used, channels + 1)
    for channel in range(used):
        for p, chosen, prediction in walk(state, channel, values[channel]):
            residuals = values[channel][p.places] - prediction
            escaped = []
            for i, places in _runs(chosen):
                index, outside = _index(residuals[places], library.tables, i)
                coder.encode(index, library.model(i))
                escaped += residuals[places][outside].tolist()
            _put_escaped(coder, escaped)
    # Big-endian words: what the decoder would read alike (it fills up with ones) is not stored.
    return bytes(coder.get_compressed().astype(">u4").tobytes().rstrip(b"\xff"))


def decode_symbols(data: bytes, shape: tuple[int, int, int], library: Library, state: State) -> Symbols:
    """The chunk behind `encode_symbols`'s bytes."""
    channels, rows, columns = shape
    data += b"\xff" * 4  # what the encoder cut off, and enough to start on
    words = np.frombuffer(data + b"\xff" * (-len(data) % 4), ">u4").astype(np.uint32)
    coder = constriction.stream.queue.RangeDecoder(words)
    values = np.zeros((channels, rows * columns + 1), np.int64)
    tables = library.tables
    try:
        for channel in range(_get(coder, channels + 1)):
            for p, chosen, prediction in walk(state, channel, values[channel]):
                residuals = np.empty(len(p.places), np.int64)
                escaped = []
                for i, places in _runs(chosen):
                    index = coder.decode(library.model(i), len(places))
                    residuals[places] = index + tables.first[i]
                    escaped.append(places[index == tables.size[i] - 1])
                where = np.concatenate(escaped)
                residuals[where] = _get_escaped(coder, len(where))
                values[channel][p.places] = residuals + prediction
    except AssertionError as error:  # constriction: "invalid compressed data"
        raise Corrupt("the file's latents do not decode: get a fresh copy of it") from error
    if np.abs(values).max() > MAX_SYMBOL:
        raise Corrupt("the file holds a latent that is out of range: get a fresh copy of it")
    return values[:, :-1].astype(np.int32).reshape(shape)


def ideal_bits(symbols: Symbols, library: Library, state: State) -> NDArray[np.float64]:
    """-log2 p of each symbol under the integer tables; escaped values at their own cost, unused channels at none."""
    values = _with_zero_cell(symbols.reshape(len(symbols), -1))
    bits = np.zeros((len(symbols), symbols[0].size))
    for channel in range(_used(values)):
        for p, chosen, prediction in walk(state, channel, values[channel]):
            residuals = values[channel][p.places] - prediction
            for i, places in _runs(chosen):
                index, outside = _index(residuals[places], library.tables, i)
                cost = TOTAL_BITS - np.log2(library.tables.row(i)[index])
                cost[outside] += [4 + (_zigzag(v) + 1).bit_length() for v in residuals[places][outside].tolist()]
                bits[channel, p.places[places]] = cost
    return bits.reshape(symbols.shape)


def _used(values: Ints) -> int:
    """The number of channels up to the last that is not all zero."""
    return int(np.flatnonzero(values.any(axis=1)).max(initial=-1)) + 1


def walk(state: State, channel: int, values: Ints) -> Iterator[tuple[Pass, NDArray[np.integer], Ints]]:
    """The passes of a channel, each with its tables and predictions; between them the caller codes the values."""
    for p in state.passes(channel):
        yield p, state.choose(channel, p, values), state.predict(channel, p, values)
    state.add(channel, values)


def _index(residuals: Ints, tables: Tables, i: int) -> tuple[Symbols, NDArray[np.bool_]]:
    """Entries of table i, and which of them are escapes."""
    escape = tables.size[i] - 1
    index = residuals - tables.first[i]
    outside = (index < 0) | (index >= escape)
    return np.where(outside, escape, index).astype(np.int32), outside


def _with_zero_cell(values: NDArray[np.integer]) -> Ints:
    """Channels x places, with the cell that contexts read where there is no neighbour."""
    return np.pad(values.astype(np.int64), ((0, 0), (0, 1)))
