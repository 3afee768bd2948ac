"""Facts in headers of picture files that Pillow does not report: bits per sample, colour code points, XMP of JXL."""

import struct
from typing import NamedTuple

from PIL import Image

from lic.codec.picture.colour import CodePoints

HEADER = 2**18  # bytes that are searched
BITS_PER_SAMPLE = 258  # a tag of TIFF
HIGH_BIT_DEPTH, TWELVE_BIT = 0x40, 0x20  # flags in AV1's configuration
PNG_START, JXL_START = b"\x89PNG\r\n\x1a\n", b"\0\0\0\x0cJXL \r\n\x87\n"


class Header(NamedTuple):
    """Facts about a picture file; the defaults are those of most files."""

    bits: int = 8
    colours: CodePoints | None = None
    xmp: bytes = b""


def read_header(image: Image.Image) -> Header:
    """The facts about a picture that has been opened, best before it is loaded."""
    if image.mode.startswith("I;16"):
        return Header(bits=16)
    if image.format == "HEIF":
        found = image.info.get("nclx_profile") or {}
        points = CodePoints(*(int(found.get(name, 2)) for name in ("color_primaries", "transfer_characteristics")))
        return Header(int(image.info.get("bit_depth", 8)), points)
    if image.format == "JXL":
        return _of_jxl(getattr(image, "fc", b""))
    if image.format == "AVIF":
        return _of_avif(_start(image))
    if image.format == "PNG":
        return _of_png(_start(image), image)
    if image.format == "TIFF":
        return Header(max([int(bits) for bits in getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, (8,))], default=8))
    return Header(_raw_bits(image))


def _raw_bits(image: Image.Image) -> int:
    """The bits per sample that are asked of Pillow's decoder; BGR;16 has 5, 6 and 5."""
    asked = (str(tile) for tile in getattr(image, "tile", ()))
    return 16 if any(";16" in tile and "BGR;16" not in tile for tile in asked) else 8


def _start(image: Image.Image) -> bytes:
    """The first bytes of the file."""
    file = getattr(image, "fp", None)
    if file is None or file.closed:
        return b""
    at = file.tell()
    file.seek(0)
    data = bytes(file.read(HEADER))
    file.seek(at)
    return data


def _of_png(data: bytes, image: Image.Image) -> Header:
    if not data.startswith(PNG_START) or len(data) < 26:
        return Header(_raw_bits(image))
    points, at = None, len(PNG_START)
    while at + 12 <= len(data) and (kind := data[at + 4 : at + 8]) != b"IDAT":
        if kind == b"cICP" and at + 10 <= len(data):
            points = CodePoints(data[at + 8], data[at + 9])
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return Header(max(8, data[24]), points)


def _of_avif(data: bytes) -> Header:
    """Of the first picture's properties, found by their names."""
    bits, points = 8, None
    if (at := data.find(b"av1C")) >= 0 and at + 7 <= len(data) and data[at + 6] & HIGH_BIT_DEPTH:
        bits = 12 if data[at + 6] & TWELVE_BIT else 10
    if (at := data.find(b"colrnclx")) >= 0 and at + 12 <= len(data):
        points = CodePoints(*struct.unpack_from(">HH", data, at + 8))
    return Header(bits, points)


def _of_jxl(data: bytes) -> Header:
    codestream, xmp = data, b""
    if data.startswith(JXL_START):
        codestream, at = b"", 0
        while at + 8 <= len(data):
            size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
            start = at + 8
            if size == 1:
                size, start = int.from_bytes(data[start : start + 8], "big"), at + 16
            end = at + size if size else len(data)
            if end <= at:
                break
            if kind == b"xml ":
                xmp = data[start:end]
            elif kind in (b"jxlc", b"jxlp") and not codestream:
                codestream = data[start + 4 * (kind == b"jxlp") : end]
            at = end
    return Header(jxl_bits(codestream[:64]), xmp=xmp)


class _Bits:
    """Reads bits, the lowest of each byte first, as JPEG XL stores them."""

    def __init__(self, data: bytes) -> None:
        self.number, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        value = self.number & ((1 << count) - 1)
        self.number >>= count
        self.left -= count
        if self.left < 0:
            raise ValueError("the header ends early")
        return value

    def choice(self, *ways: tuple[int, int]) -> int:
        """One of four ways: a number, plus one of so many bits."""
        base, bits = ways[self.take(2)]
        return base + self.take(bits)


def jxl_bits(codestream: bytes) -> int:
    """The bits per sample in the header of a JPEG XL codestream (ISO/IEC 18181-1); 8 where they are not plain to see.

    >>> jxl_bits(bytes.fromhex("ff0a0ff193505c0800"))
    16
    """
    bits = _Bits(codestream[2:])

    def side() -> None:
        bits.choice((1, 9), (1, 13), (1, 18), (1, 30))

    try:
        small = bits.take(1)
        if small:
            bits.take(5)
        else:
            side()
        if not bits.take(3):  # no ratio of the sides
            if small:
                bits.take(5)
            else:
                side()
        if bits.take(1):  # all as in most files
            return 8
        if bits.take(1):  # more about orientation, size, preview, animation
            bits.take(3)
            if bits.take(3):
                return 8
        if bits.take(1):  # floating point
            return bits.choice((32, 0), (16, 0), (24, 0), (1, 6))
        return bits.choice((8, 0), (10, 0), (12, 0), (1, 6))
    except ValueError:
        return 8
