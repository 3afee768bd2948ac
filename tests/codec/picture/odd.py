"""PNG and TIFF files that Pillow does not write: of every depth, interlaced, in tiles and planes, with any tags."""

import struct
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.integer]  # H x W x channels
SIGNATURE = b"\x89PNG\r\n\x1a\n"
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6  # kinds of PNG pictures

# TIFF's tags and types.
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, OFFSETS, SAMPLES = 256, 257, 258, 259, 262, 273, 277
ROWS, COUNTS, PLANES, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_COUNTS = 278, 279, 284, 322, 323, 324, 325
XMP, PROFILE = 700, 34675
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, FLOAT, DOUBLE = 1, 2, 3, 4, 5, 7, 11, 12
PACKED = {BYTE: "B", ASCII: "c", SHORT: "H", LONG: "I", UNDEFINED: "B", FLOAT: "f", DOUBLE: "d"}
Tag = tuple[int, Sequence[object]]  # type and values


def chunk(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(samples: Samples, kind: int, bits: int, *chunks: bytes, interlaced: bool = False) -> bytes:
    """A PNG file; `chunks` come before the pixels."""
    height, width = samples.shape[:2]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlaced))
    parts = [samples[y::down, x::right] for y, x, down, right in ADAM7] if interlaced else [samples]
    rows = b"".join(b"\0" + packed_row(row, bits) for part in parts if part.size for row in part)
    return SIGNATURE + header + b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")


def packed_row(row: Samples, bits: int) -> bytes:
    if bits == 16:
        return row.astype(">u2").tobytes()
    levels = row.astype(np.uint8).reshape(-1, 1)
    return np.packbits(np.unpackbits(levels, axis=1)[:, 8 - bits :]).tobytes()


def tiff(samples: Samples, *, tile: int = 0, planar: bool = False, **more: Tag) -> bytes:
    """An uncompressed TIFF file of 8 or 16 bits; `more` are tags, named t and their number."""
    height, width, channels = samples.shape
    order = samples.astype(samples.dtype.newbyteorder(">"))
    planes = [order[..., c : c + 1] for c in range(channels)] if planar else [order]
    pieces = [piece for plane in planes for piece in (tiles_of(plane, tile) if tile else [plane.tobytes()])]
    tags: dict[int, Tag] = {
        WIDTH: (LONG, [width]),
        HEIGHT: (LONG, [height]),
        BITS: (SHORT, [8 * samples.itemsize] * channels),
        COMPRESSION: (SHORT, [1]),
        PHOTOMETRIC: (SHORT, [2 if channels == 3 else 5 if channels == 4 else 1]),
        SAMPLES: (SHORT, [channels]),
        PLANES: (SHORT, [2 if planar else 1]),
        **{int(name[1:]): tag for name, tag in more.items()},
    }
    if tile:
        tags |= {TILE_WIDTH: (LONG, [tile]), TILE_HEIGHT: (LONG, [tile])}
    else:
        tags[ROWS] = (LONG, [height])
    places, counts = (TILES, TILE_COUNTS) if tile else (OFFSETS, COUNTS)
    tags[counts] = (LONG, [len(piece) for piece in pieces])
    starts = 8 + np.cumsum([0, *(len(piece) for piece in pieces[:-1])])
    tags[places] = (LONG, starts.tolist())
    body = b"".join(pieces) + b"\0" * (sum(map(len, pieces)) % 2)
    return directory(tags, body)


def tiles_of(plane: Samples, side: int) -> Iterator[bytes]:
    padded = np.pad(plane, ((0, -plane.shape[0] % side), (0, -plane.shape[1] % side), (0, 0)))
    for y in range(0, padded.shape[0], side):
        for x in range(0, padded.shape[1], side):
            yield padded[y : y + side, x : x + side].tobytes()


def directory(tags: dict[int, Tag], body: bytes) -> bytes:
    """Header, body, the directory of tags, and the values that do not fit into it."""
    start = 8 + len(body)
    at = start + 2 + 12 * len(tags) + 4
    entries, beyond = [], []
    for number, (kind, values) in sorted(tags.items()):
        count, data = len(values), packed(kind, values)
        if len(data) > 4:
            place = struct.pack(">I", at + sum(map(len, beyond)))
            beyond.append(data + b"\0" * (len(data) % 2))
        else:
            place = data.ljust(4, b"\0")
        entries.append(struct.pack(">HHI", number, kind, count) + place)
    table = struct.pack(">H", len(tags)) + b"".join(entries) + bytes(4)
    return b"MM\0*" + struct.pack(">I", start) + body + table + b"".join(beyond)


def packed(kind: int, values: Sequence[object]) -> bytes:
    if kind == RATIONAL:
        return b"".join(struct.pack(">II", *value) for value in values)  # type: ignore[misc]
    return struct.pack(f">{len(values)}{PACKED[kind]}", *values)
