"""The section of latents in a file: chunks of rows, each a separate stream, so that they decode independently."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.coder import Coder
from lic.codec.entropy.walk import Symbols
from lic.codec.errors import Corrupt, Truncated
from lic.codec.file.container import Reader, write_varint
from lic.codec.file.geometry import CHUNK_ROWS
from lic.codec.threads import in_threads


def chunks_of(latents: NDArray[Any]) -> list[NDArray[Any]]:
    """The latents, or symbols, that share a stream: 64 rows each, fewer in the last chunk."""
    return [latents[:, row : row + CHUNK_ROWS] for row in range(0, latents.shape[1], CHUNK_ROWS)]


def pack(chunks: Iterable[Symbols], coder: Coder) -> bytes:
    """Chunks as streams, all but the last preceded by their lengths. One is coded while the next one is computed."""
    streams = [*in_threads(coder.encode, chunks, ahead=1)]
    return b"".join([write_varint(len(stream)) for stream in streams[:-1]] + streams)


def bits(symbols: Symbols, coder: Coder) -> NDArray[np.float32]:
    """The ideal code length of each symbol, in the shape of `symbols`."""
    return np.concatenate([coder.bits(chunk) for chunk in chunks_of(symbols)], axis=1)


def unpack(data: bytes, shape: tuple[int, int, int], coder: Coder, wanted: range | None = None) -> Iterator[Symbols]:
    """The symbols of a picture whose latents have that shape, by chunks, of all or only of the `wanted` ones.

    While one is in use, the next one is decoded.
    """
    channels, rows, columns = shape
    starts = range(0, rows, CHUNK_ROWS)
    reader = Reader(data)
    try:
        lengths = [reader.varint() for _ in starts[:-1]]
        streams = [reader.take(length) for length in lengths]
    except Truncated as error:  # within the section: the file itself is complete
        raise Corrupt("the file's chunk lengths do not add up: get a fresh copy of it") from error
    streams.append(data[reader.at :])

    def decode(i: int) -> Symbols:
        return coder.decode(streams[i], (channels, min(CHUNK_ROWS, rows - starts[i]), columns))

    wanted = range(len(starts)) if wanted is None else wanted
    if len(wanted) == 1:  # most pictures
        return iter([decode(wanted[0])])
    return in_threads(decode, wanted, ahead=1)
