import contextlib
import dataclasses
import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lic.codec.errors import BadImage, Corrupt, LicError, NotALicFile, Truncated, UnsupportedVersion
from lic.codec.file.container import MAX_SIDE, MODES, Container, Reader, Section, build, parse, read_head, write_varint

FILE = Container(768, 512, "RGB", 1000, b"\x01\x02\x03\x04", b"some latents")


def with_checksum(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


tags = st.sampled_from([b"e", b"i", b"x", b"A"])
containers = st.builds(
    Container,
    width=st.integers(1, MAX_SIDE),
    height=st.integers(1, MAX_SIDE),
    mode=st.sampled_from(MODES),
    position=st.integers(0, 2**16 - 1),
    fingerprint=st.binary(min_size=4, max_size=4),
    latents=st.binary(max_size=300),
    sections=st.lists(st.builds(Section, tags, st.binary(max_size=200)), max_size=3, unique_by=lambda s: s.tag).map(
        tuple
    ),
)


@given(containers)
def test_parse_undoes_build(file: Container) -> None:
    assert parse(build(file)) == file


def test_layout_is_the_documented_one() -> None:
    data = build(FILE)
    body = (
        b"LIC\x01"  # magic, version
        b"\x01"  # mode: RGB
        b"\x80\x06"  # 768
        b"\x80\x04"  # 512
        b"\xe8\x03"  # position 1000
        b"\x01\x02\x03\x04"  # fingerprint
        b"L\x0csome latents"
    )
    assert data == with_checksum(body)


def test_bookkeeping_of_a_plain_picture_is_at_most_24_bytes() -> None:
    latents = bytes(400_000)
    file = Container(4000, 3000, "RGB", 2048, b"abcd", latents)
    assert len(build(file)) - len(latents) <= 24


def test_every_truncation_says_where() -> None:
    data = build(FILE)
    for length in range(1, len(data)):
        with pytest.raises(Truncated, match=f"ends at byte {length} of"):
            parse(data[:length])


def test_every_flipped_bit_is_an_error() -> None:
    data = build(FILE)
    for at in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[at // 8] ^= 1 << at % 8
        with pytest.raises(LicError):
            parse(bytes(flipped))


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n", b"lic\x01", b"LIX"])
def test_other_files_are_not_lic_files(data: bytes) -> None:
    with pytest.raises(NotALicFile):
        parse(data)


def test_extra_bytes_are_an_error() -> None:
    with pytest.raises(Corrupt, match="should end at byte"):
        parse(build(FILE) + b"\0")


def test_newer_version_is_named() -> None:
    with pytest.raises(UnsupportedVersion, match="version 2"):
        parse(b"LIC\x02" + build(FILE)[4:])


def test_unknown_optional_section_is_kept_and_unknown_mandatory_one_refused_by_name() -> None:
    optional = Container(1, 1, "L", 0, b"abcd", b"", (Section(b"z", b"1"),))
    assert parse(build(optional)).sections == (Section(b"z", b"1"),)
    mandatory = Container(1, 1, "L", 0, b"abcd", b"", (Section(b"Z", b"1"),))
    with pytest.raises(UnsupportedVersion, match="'Z'"):
        parse(build(mandatory))


@given(containers)
def test_the_head_is_read_without_the_latents(file: Container) -> None:
    data = build(file)
    stream = io.BytesIO(data)
    assert read_head(stream) == dataclasses.replace(file, latents=b"")
    assert data[stream.tell() :] == build(file)[-4 - len(file.latents) - len(write_varint(len(file.latents))) :]


def test_sections_have_names() -> None:
    sections = (Section(b"e", b"exif"), Section(b"x", b""), Section(b"A", b""))
    file = dataclasses.replace(FILE, sections=sections)
    assert file.metadata == {"exif": b"exif", "xmp": b""}
    assert (file.picture_mode, FILE.picture_mode) == ("RGBA", "RGB")
    assert dataclasses.replace(file, mode="L").picture_mode == "LA"


@pytest.mark.parametrize(("width", "height"), [(0, 1), (1, 0), (MAX_SIDE + 1, 1), (1, MAX_SIDE + 1)])
def test_impossible_sizes(width: int, height: int) -> None:
    with pytest.raises(BadImage):
        build(Container(width, height, "RGB", 0, b"abcd", b""))
    body = b"LIC\x01\x01" + write_varint(width) + write_varint(height) + b"\0\0abcdL\0"
    with pytest.raises(Corrupt, match="claims a picture"):
        parse(with_checksum(body))


def test_the_largest_size() -> None:
    file = dataclasses.replace(FILE, width=MAX_SIDE, height=MAX_SIDE)
    assert parse(build(file)) == file and MAX_SIDE == 2**24 - 1


def test_unknown_mode_is_from_the_future() -> None:
    with pytest.raises(UnsupportedVersion, match="mode 9"):
        parse(with_checksum(b"LIC\x01\x09\x01\x01\0\0abcdL\0"))


@pytest.mark.parametrize("number", [b"\x80\x00", b"\xff\xff\xff\xff\xff\x01"])
def test_numbers_have_one_spelling_and_an_end(number: bytes) -> None:
    with pytest.raises(Corrupt, match="number"):
        parse(with_checksum(b"LIC\x01\x01" + number + b"\x01\0\0abcdL\0"))


def test_numbers_of_five_bytes_are_numbers() -> None:
    for value in (0, 127, 128, 2**14 - 1, 2**14, 2**35 - 1):
        reader = Reader(write_varint(value) + b"x")
        assert reader.varint() == value and reader.take(1) == b"x"
    assert [len(write_varint(value)) for value in (0, 127, 128, 2**35 - 1)] == [1, 1, 2, 5]


def test_a_stream_that_comes_in_small_pieces_is_read_alike() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 2))

    file = dataclasses.replace(FILE, sections=(Section(b"x", b"some metadata"),))
    assert read_head(Slow(build(file))) == dataclasses.replace(file, latents=b"")
    with pytest.raises(Truncated, match="ends at byte 20 of at least 30"):
        read_head(Slow(build(file)[:20]))


@settings(max_examples=300)
@given(st.binary(max_size=40))
def test_any_bytes_parse_or_raise_our_own_error(data: bytes) -> None:
    for candidate in (data, with_checksum(b"LIC\x01" + data)):
        with contextlib.suppress(LicError):
            parse(candidate)
