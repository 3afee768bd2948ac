"""Integer latents <-> bytes. The only file that imports constriction.

A chunk of latents (channels x rows x columns) is one range-coder stream: the number of channels in use, then each
of those channels with its own table, each followed by the values that escaped from the table.
"""

import constriction
import numpy as np
from numpy.typing import NDArray

from lic.codec.errors import Corrupt
from lic.codec.tables import TOTAL_BITS, Tables

Symbols = NDArray[np.int32]

PIECE_BITS = 16  # escaped values are written in uniform pieces of at most this many bits
MAX_SYMBOL = 2**30  # larger latents are clamped when coded; no picture comes near

_uniform = constriction.stream.model.Uniform


def _model(frequencies: NDArray[np.int64]) -> object:
    """A coder model that uses exactly these frequencies (they sum to 2^24; the coder adds one to each weight)."""
    return constriction.stream.model.Categorical((frequencies - 1).astype(np.float64), perfect=False)


def _zigzag(values: Symbols) -> list[int]:
    """Signed to unsigned: 0, -1, 1, -2, 2 ... become 0, 1, 2, 3, 4 ..."""
    return [2 * v if v >= 0 else -2 * v - 1 for v in values.tolist()]


def _put(coder: "constriction.stream.queue.RangeEncoder", value: int, size: int) -> None:
    coder.encode(np.array([value], np.int32), _uniform(size))


def _get(coder: "constriction.stream.queue.RangeDecoder", size: int) -> int:
    return int(coder.decode(_uniform(size)))


def _put_escaped(coder: "constriction.stream.queue.RangeEncoder", values: Symbols) -> None:
    """Elias-gamma-like: the bit length of the zigzagged value plus one, then the bits below the leading one."""
    for value in _zigzag(values):
        length = (value + 1).bit_length() - 1
        _put(coder, length, 32)
        rest = value + 1 - (1 << length)
        for shift in range(0, length, PIECE_BITS):
            bits = min(PIECE_BITS, length - shift)
            _put(coder, rest >> shift & (1 << bits) - 1, 1 << bits)


def _get_escaped(coder: "constriction.stream.queue.RangeDecoder", count: int) -> Symbols:
    values = []
    for _ in range(count):
        length = _get(coder, 32)
        rest = 0
        for shift in range(0, length, PIECE_BITS):
            rest |= _get(coder, 1 << min(PIECE_BITS, length - shift)) << shift
        value = rest + (1 << length) - 1
        signed = value // 2 if value % 2 == 0 else -(value // 2) - 1
        if abs(signed) > MAX_SYMBOL:
            raise Corrupt("the file holds a latent that is out of range: get a fresh copy of it")
        values.append(signed)
    return np.array(values, np.int32)


def encode_symbols(symbols: Symbols, tables: Tables) -> bytes:
    """One chunk of latents (channels x rows x columns) as bytes; table i is channel i's.

    >>> from lic.codec.tables import frequency_tables
    >>> tables = frequency_tables(np.array([[0, 9, 0]]), np.array([2048]), np.array([-1, 0, 1]))
    >>> symbols = np.array([[[0, -1, 1, 7000]]], np.int32)
    >>> decode_symbols(encode_symbols(symbols, tables), symbols.shape, tables)
    array([[[   0,   -1,    1, 7000]]], dtype=int32)
    """
    channels = len(symbols)
    symbols = np.clip(symbols, -MAX_SYMBOL, MAX_SYMBOL).reshape(channels, -1)
    used = channels - int(np.argmax(symbols.any(axis=1)[::-1])) if symbols.any() else 0
    coder = constriction.stream.queue.RangeEncoder()
    _put(coder, used, channels + 1)
    for i in range(used):
        escape = int(tables.size[i]) - 1
        index = symbols[i] - int(tables.first[i])
        outside = (index < 0) | (index >= escape)
        coder.encode(np.where(outside, escape, index).astype(np.int32), _model(tables.row(i)))
        _put_escaped(coder, symbols[i][outside])
    # Big-endian words: what the decoder would read alike (it fills up with ones) is not stored.
    return bytes(coder.get_compressed().astype(">u4").tobytes().rstrip(b"\xff"))


def decode_symbols(data: bytes, shape: tuple[int, int, int], tables: Tables) -> Symbols:
    """The chunk behind `encode_symbols`'s bytes."""
    channels, rows, columns = shape
    words = np.frombuffer(data + b"\xff" * (8 - len(data) % 4), ">u4").astype(np.uint32)
    coder = constriction.stream.queue.RangeDecoder(words)
    symbols = np.zeros((channels, rows * columns), np.int32)
    try:
        for i in range(_get(coder, channels + 1)):
            escape = int(tables.size[i]) - 1
            index = coder.decode(_model(tables.row(i)), rows * columns)
            symbols[i] = index + int(tables.first[i])
            outside = index == escape
            if outside.any():
                symbols[i][outside] = _get_escaped(coder, int(outside.sum()))
    except AssertionError as error:  # constriction: "invalid compressed data"
        raise Corrupt("the file's latents do not decode: get a fresh copy of it") from error
    return symbols.reshape(shape)


def ideal_bits(symbols: Symbols, tables: Tables) -> float:
    """-sum log2 p under the integer tables, escaped values at their own cost."""
    total = 0.0
    for i, channel in enumerate(symbols.reshape(len(symbols), -1)):
        escape = int(tables.size[i]) - 1
        index = channel - int(tables.first[i])
        outside = (index < 0) | (index >= escape)
        frequencies = tables.row(i)[np.where(outside, escape, index)]
        total += float(np.sum(TOTAL_BITS - np.log2(frequencies)))
        total += sum(5 + (value + 1).bit_length() - 1 for value in _zigzag(channel[outside]))
    return total
