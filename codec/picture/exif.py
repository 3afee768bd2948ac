"""EXIF as bytes: read and changed in place, so that everything else in it, makers' notes too, stays as it is.

EXIF is a TIFF file without a picture: a header, then a directory of entries of twelve bytes (tag, type, count, value or
the place of the value). JPEG files put `PREFIX` before it; functions here take both forms, and keep the form.
"""

import re
import struct
from typing import NamedTuple

from PIL import Image

PREFIX = b"Exif\0\0"
ORIENTATION, GPS = 0x0112, 0x8825
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
SHORT, LONG, RATIONAL = 3, 4, 5  # types of values
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # of a value, by its type
CENTIMETRES = 3
# The tags of a TIFF file that describe the picture; others say how it is stored. Directories of EXIF and GPS, IPTC, ...
DESCRIBING = frozenset([269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432, 33723, 34665, 34853])
UPRIGHT = 1
# The way that Pillow turns a picture of an orientation upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
TURNED = {0: 1, 90: 6, 180: 3, 270: 8}  # degrees clockwise: the orientation


class Entry(NamedTuple):
    tag: int
    type: int
    length: int  # in values
    value: bytes  # four bytes: the value, or where it is


class Block:
    """The first directory of some EXIF."""

    def __init__(self, exif: bytes) -> None:
        self.prefix = PREFIX if exif.startswith(PREFIX) else b""
        self.data = bytearray(exif[len(self.prefix) :])
        self.order = {b"II": "<", b"MM": ">"}[bytes(self.data[:2])]
        (self.at,) = self.unpack("I", 4)
        self.entries = self.directory(self.at)
        (self.next,) = self.unpack("I", self.at + 2 + 12 * len(self.entries))

    def unpack(self, kind: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self.order + kind, self.data, at)

    def pack(self, kind: str, *values: int) -> bytes:
        return struct.pack(self.order + kind, *values)

    def directory(self, at: int) -> list[Entry]:
        (length,) = self.unpack("H", at)
        return [self.entry(at + 2 + 12 * k) for k in range(length)]

    def entry(self, at: int) -> Entry:
        tag, kind, length = self.unpack("HHI", at)
        return Entry(tag, kind, length, bytes(self.data[at + 8 : at + 12]))

    def find(self, tag: int) -> Entry | None:
        return next((entry for entry in self.entries if entry.tag == tag), None)

    def number(self, tag: int) -> float | None:
        """The value of an entry with one number."""
        entry = self.find(tag)
        if entry is None or entry.length != 1:
            return None
        if entry.type == RATIONAL:
            above, below = self.unpack("II", self.place(entry))
            return above / below
        kind = {SHORT: "H", LONG: "I"}.get(entry.type)
        return None if kind is None else struct.unpack_from(self.order + kind, entry.value)[0]

    def place(self, entry: Entry) -> int:
        """Where an entry's value is, if it does not fit into the entry."""
        return int(struct.unpack(self.order + "I", entry.value)[0])

    def clear(self, entry: Entry) -> None:
        """Overwrite a value that is outside of its entry."""
        size = SIZES.get(entry.type, 1) * entry.length
        if size > len(entry.value):
            at = self.place(entry)
            size = min(size, len(self.data) - at)
            self.data[at : at + size] = bytes(size)

    def with_entries(self, entries: list[Entry]) -> bytes:
        """The EXIF with this directory; the old place is used again if it is large enough."""
        lines = (self.pack("HHI", *entry[:3]) + entry.value for entry in sorted(entries))
        directory = self.pack("H", len(entries)) + b"".join(lines) + self.pack("I", self.next)
        room = 2 + 12 * len(self.entries) + 4
        self.data[self.at : self.at + room] = bytes(room)
        if len(directory) > room:
            self.data += bytes(len(self.data) % 2)
            self.at = len(self.data)
            self.data[4:8] = self.pack("I", self.at)
            self.data += directory
        else:
            self.data[self.at : self.at + len(directory)] = directory
        return self.prefix + bytes(self.data)


EMPTY = b"MM\0*\0\0\0\x08" + bytes(6)
DAMAGED = (struct.error, KeyError, ZeroDivisionError, ValueError)


def orientation(exif: bytes) -> int:
    """The orientation, 1 to 8; 1 if there is none.

    >>> orientation(with_orientation(EMPTY, 6)), orientation(b"damaged")
    (6, 1)
    """
    try:
        value = Block(exif).number(ORIENTATION)
    except DAMAGED:
        return UPRIGHT
    return int(value) if value in TURNS else UPRIGHT


def with_orientation(exif: bytes, value: int) -> bytes:
    """EXIF with another orientation; damaged EXIF as it is."""
    try:
        block = Block(exif or EMPTY)
    except DAMAGED:
        return exif
    entry = Entry(ORIENTATION, SHORT, 1, block.pack("HH", value, 0))
    return block.with_entries([e for e in block.entries if e.tag != ORIENTATION] + [entry])


def after_turn(exif: bytes, degrees: int) -> int:
    """The orientation that shows a picture turned clockwise from how its EXIF shows it now.

    >>> after_turn(EMPTY, 90), after_turn(with_orientation(EMPTY, 6), 270), after_turn(with_orientation(EMPTY, 2), 90)
    (6, 1, 7)
    """
    corners = Image.new("L", (2, 2))
    corners.putdata([1, 2, 3, 4])

    def shown(value: int) -> list[int]:
        upright = corners.transpose(TURNS[value]) if value in TURNS else corners
        return list(upright.tobytes())

    now = orientation(exif)
    seen = corners.transpose(TURNS[now]) if now in TURNS else corners
    turned = list(seen.rotate(-degrees).tobytes())
    return next(value for value in range(1, 9) if shown(value) == turned)


def without_gps(exif: bytes) -> bytes:
    """EXIF without the place, whose bytes are overwritten.

    >>> without_gps(b"damaged")
    b''
    """
    try:
        block = Block(exif)
        pointer = block.find(GPS)
        if pointer is None:
            return exif
        at = block.place(pointer)
        inner = block.directory(at)
        for entry in inner:
            block.clear(entry)
        block.data[at : at + 6 + 12 * len(inner)] = bytes(6 + 12 * len(inner))
        return block.with_entries([entry for entry in block.entries if entry.tag != GPS])
    except DAMAGED:
        return b""  # whether it has a place is not known


def resolution(exif: bytes) -> tuple[float, float] | None:
    """Pixels per inch across and down, if EXIF has them."""
    try:
        block = Block(exif)
        across, down, unit = (block.number(tag) for tag in (X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT))
    except DAMAGED:
        return None
    if not across or not down:
        return None
    inches = 2.54 if unit == CENTIMETRES else 1.0
    return across * inches, down * inches


def with_resolution(exif: bytes, dpi: tuple[float, float]) -> bytes:
    """EXIF with this resolution, unless it has one.

    >>> resolution(with_resolution(b"", (300, 150)))
    (300.0, 150.0)
    """
    if resolution(exif) is not None:
        return exif
    try:
        block = Block(exif or EMPTY)
    except DAMAGED:
        return exif
    entries = [e for e in block.entries if e.tag not in (X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT)]
    block.data += bytes(len(block.data) % 2)
    for tag, value in zip((X_RESOLUTION, Y_RESOLUTION), dpi, strict=True):
        entries.append(Entry(tag, RATIONAL, 1, block.pack("I", len(block.data))))
        block.data += block.pack("II", round(value * 100), 100)
    entries.append(Entry(RESOLUTION_UNIT, SHORT, 1, block.pack("HH", 2, 0)))
    return block.with_entries(entries)


def of_tiff(image: Image.Image) -> bytes:
    """The tags of a TIFF file that describe the picture, as EXIF; empty if there are none.

    The picture has to be loaded: then Pillow has turned it upright.
    """
    tags = image.getexif()
    exif = Image.Exif()
    for tag in DESCRIBING & tags.keys():
        exif[tag] = tags.get_ifd(tag) if tag in (34665, GPS) else tags[tag]
    return exif.tobytes() if exif else b""


def xmp_without_gps(xmp: bytes) -> bytes:
    """
    >>> xmp_without_gps(b'<a exif:GPSLatitude="48" b="1"><exif:GPSAltitude>9</exif:GPSAltitude></a>')
    b'<a b="1"></a>'
    """
    xmp = re.sub(rb"\s+exif:GPS\w+\s*=\s*(\"[^\"]*\"|'[^']*')", b"", xmp)
    return re.sub(rb"<(exif:GPS\w+)\b[^>]*?(/>|>.*?</\1\s*>)", b"", xmp, flags=re.DOTALL)


def xmp_upright(xmp: bytes) -> bytes:
    """
    >>> xmp_upright(b'<a tiff:Orientation="6"/><tiff:Orientation>8</tiff:Orientation>')
    b'<a tiff:Orientation="1"/><tiff:Orientation>1</tiff:Orientation>'
    """
    return re.sub(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)[2-8]", rb"\g<1>1", xmp)
