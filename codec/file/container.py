"""The .lic container: build, parse, verify. Bytes only; codec/FORMAT.md is the specification."""

import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple, Union

from lic.codec.errors import BadImage, Corrupt, NotALicFile, Truncated, UnsupportedVersion

MAGIC = b"LIC"
VERSION = 1
MODES = ("L", "RGB")
GREY_AS_RGB = 2  # the mode of a grey picture that is decoded to three channels
MAX_SIDE = 2**24 - 1
FINGERPRINT_BYTES = 4
POSITIONS = 256  # steps of a file's position from one lambda point to the next
CHECKSUM_BYTES = 4
MAX_VARINT_BITS = 35  # five bytes
READ_BYTES = 2**20
LATENTS = b"L"  # the last section of every file
ALPHA = b"A"
STORED = b"S"  # uncompressed pixels instead of latents
WEBP = b"W"  # a lossless WebP file instead of latents
ADJUSTMENT = b"F"  # of the model's filter to the picture
METADATA = {"exif": b"e", "icc_profile": b"i", "xmp": b"x"}  # by the names that Pillow gives them
PROFILE = b"p"  # an ICC profile, compressed by zlib, instead of METADATA's
MAX_PROFILE = 2**24  # bytes, when it is unpacked
NOTES = {"dpi": b"d", "text": b"t"}
MANDATORY = frozenset([LATENTS, ALPHA, STORED, WEBP, ADJUSTMENT])  # the upper-case tags that this version knows


FileLike = Union[bytes, bytearray, memoryview, str, "os.PathLike[str]", IO[bytes]]


class Section(NamedTuple):
    """A tagged payload. As in PNG, an upper-case tag must be understood and a lower-case one may be skipped."""

    tag: bytes
    payload: bytes


@dataclass(frozen=True)
class Container:
    """The fields and sections of a .lic file, not decoded.

    `position` counts 1/256 steps between lambda points; `fingerprint` names the model.

    >>> file = Container(3, 2, "RGB", 512, b"abcd", b"latents")
    >>> parse(build(file)) == file
    True
    """

    width: int
    height: int
    mode: str
    position: int
    fingerprint: bytes
    latents: bytes
    sections: tuple[Section, ...] = field(default=())  # all others, in file order
    as_rgb: bool = False  # a grey picture that is decoded to three channels

    def section(self, tag: bytes) -> bytes | None:
        """The payload of a section, if there is one."""
        return next((payload for t, payload in self.sections if t == tag), None)

    @property
    def picture_mode(self) -> str:
        """Pillow's mode of the decoded picture."""
        mode = "RGB" if self.as_rgb else self.mode
        return mode if self.section(ALPHA) is None else {"L": "LA", "RGB": "RGBA"}[mode]

    @property
    def lossless(self) -> bool:
        """Whether the file holds every pixel as it was, instead of latents."""
        return self.section(STORED) is not None or self.section(WEBP) is not None

    @property
    def metadata(self) -> dict[str, bytes]:
        """EXIF, ICC profile and XMP, as far as they are present, byte for byte."""
        found = {name: self.section(tag) for name, tag in METADATA.items()}
        if found["icc_profile"] is None and (packed := self.section(PROFILE)) is not None:
            found["icc_profile"] = _unpack_profile(packed)
        return {name: payload for name, payload in found.items() if payload is not None}


def _profile_section(profile: bytes) -> Section:
    """The shorter one of the two sections for an ICC profile."""
    packed = zlib.compress(profile, 9)
    if len(packed) < len(profile) <= MAX_PROFILE:
        return Section(PROFILE, packed)
    return Section(METADATA["icc_profile"], profile)


def metadata_sections(metadata: Mapping[str, bytes]) -> list[Section]:
    """The sections for payloads, by the names in METADATA and NOTES."""
    tags = METADATA | NOTES
    names = [name for name in tags if name in metadata]
    return [
        _profile_section(metadata[name]) if name == "icc_profile" else Section(tags[name], metadata[name])
        for name in names
    ]


def _unpack_profile(packed: bytes) -> bytes | None:
    """
    >>> _unpack_profile(_profile_section(bytes(1000)).payload) == bytes(1000), _unpack_profile(b"damaged")
    (True, None)
    """
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed, MAX_PROFILE)
    except zlib.error:
        return None
    return profile if unpacker.eof and not unpacker.unused_data else None


def write_varint(value: int) -> bytes:
    """Little-endian base 128: seven bits a byte, the high bit set on all but the last."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


class Reader:
    """Reads fields from the beginning of some bytes; `Truncated` says where they end too early."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def some(self, count: int) -> bytes:
        """The next `count` bytes, or fewer at the end."""
        start = self.at
        self.at = min(start + count, len(self.data))
        return self.data[start : self.at]

    def take(self, count: int) -> bytes:
        wanted = self.at + count
        taken = self.some(count)
        if len(taken) < count:
            raise Truncated(f"the file ends at byte {self.at} of at least {wanted}: get a complete copy of it")
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if (byte == 0 and shift > 7) or shift > MAX_VARINT_BITS:
                raise Corrupt("a number in the file is not written as it should be: get a fresh copy of it")
            if byte < 0x80:
                return value


def build(file: Container) -> bytes:
    """The bytes of a .lic file."""
    if not (1 <= file.width <= MAX_SIDE and 1 <= file.height <= MAX_SIDE):
        raise BadImage(f"a picture of {file.width} x {file.height} does not fit: sides go from 1 to {MAX_SIDE}")
    out = [
        MAGIC,
        bytes([VERSION, GREY_AS_RGB if file.as_rgb else MODES.index(file.mode)]),
        write_varint(file.width),
        write_varint(file.height),
        struct.pack("<H", file.position),
        file.fingerprint,
    ]
    for tag, payload in (*file.sections, Section(LATENTS, file.latents)):
        out += [tag, write_varint(len(payload)), payload]
    body = b"".join(out)
    return body + struct.pack("<I", zlib.crc32(body))


class FileReader(Reader):
    """A `Reader` of an open file, which does not read ahead."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(b"")
        self.file = file

    def some(self, count: int) -> bytes:
        pieces = []
        while count and (piece := self.file.read(min(count, READ_BYTES))):  # so that a wrong length allocates no memory
            pieces.append(piece)
            count -= len(piece)
            self.at += len(piece)
        return b"".join(pieces)


def parse(data: bytes) -> Container:
    """Check and take apart a .lic file."""
    reader = Reader(data)
    head, sections = _read_head(reader)
    length = reader.varint()
    latents, checksum = reader.take(length + CHECKSUM_BYTES)[:length], data[-CHECKSUM_BYTES:]
    if reader.at != len(data):
        raise Corrupt(f"the file should end at byte {reader.at}, it has {len(data)}: cut or replace it")
    if zlib.crc32(data[:-CHECKSUM_BYTES]) != int.from_bytes(checksum, "little"):
        raise Corrupt("the file's checksum does not match its content: get a fresh copy of it")
    # The bytes are as they were written; errors from here on are due to a faulty or newer writer.
    return _container(head, sections, latents)


def read_head(file: IO[bytes]) -> Container:
    """Everything before the latents, which are neither read nor returned; the checksum is not verified.

    >>> import io
    >>> read_head(io.BytesIO(build(Container(3, 2, "RGB", 512, b"abcd", b"latents")))).width
    3
    """
    return _container(*_read_head(FileReader(file)), b"")


class _Head(NamedTuple):
    mode: int
    width: int
    height: int
    position: int
    fingerprint: bytes


def _read_head(reader: Reader) -> tuple[_Head, list[Section]]:
    """The fields and sections before the latents, unvalidated."""
    magic = reader.some(len(MAGIC))
    if not magic or not MAGIC.startswith(magic):
        raise NotALicFile("this is not a .lic file: it does not start with 'LIC'")
    reader.take(len(MAGIC) - len(magic))
    version = reader.byte()
    if version != VERSION:
        raise UnsupportedVersion(
            f"the file is of format version {version}, this lic reads version {VERSION}: install a newer lic"
        )
    mode = reader.byte()
    width, height = reader.varint(), reader.varint()
    (position,) = struct.unpack("<H", reader.take(2))
    head = _Head(mode, width, height, position, reader.take(FINGERPRINT_BYTES))
    sections: dict[bytes, bytes] = {}
    while (tag := reader.take(1)) != LATENTS:
        if tag in sections or not tag.isalpha():
            what = "twice" if tag in sections else "which is no letter"
            raise Corrupt(f"the file has a section {tag!r} {what}: get a fresh copy of it")
        sections[tag] = reader.take(reader.varint())
    return head, [Section(*section) for section in sections.items()]


def _container(head: _Head, sections: list[Section], latents: bytes) -> Container:
    mode, width, height, position, fingerprint = head
    if mode > GREY_AS_RGB:
        raise UnsupportedVersion(f"the file holds a picture of unknown mode {mode}: install a newer lic")
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise Corrupt(f"the file claims a picture of {width} x {height}")
    for tag, _ in sections:
        if tag.isupper() and tag not in MANDATORY:
            raise UnsupportedVersion(f"the file has a section {tag!r} that this lic does not know: install a newer lic")
    tags = {tag for tag, _ in sections}
    if ADJUSTMENT in tags and tags & {STORED, WEBP}:
        raise Corrupt("the file is lossless and adjusts a filter: get a fresh copy of it")
    as_rgb = mode == GREY_AS_RGB
    kind = "L" if as_rgb else MODES[mode]
    return Container(width, height, kind, position, fingerprint, latents, tuple(sections), as_rgb)


def read_bytes(data: FileLike) -> bytes:
    """The bytes of a file, given as bytes, as a path, or as an open file."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if isinstance(data, (str, os.PathLike)):
        return Path(data).read_bytes()
    if not hasattr(data, "read"):
        raise NotALicFile(
            f"cannot read a {type(data).__name__}: give the bytes of a .lic file, a path or a file object, "
            "and several of them to decode_batch()"
        )
    return data.read()
