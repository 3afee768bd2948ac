"""Pictures of kinds that Pillow does not write are read as they are; damaged ones are refused in one line."""

import io
import struct
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lic import BadImage, BadSetting, LicError
from lic.codec.file.container import parse
from lic.codec.picture import metadata
from lic.codec.picture.reading import Picture, read_image
from lic.tools.cli import main
from tests.codec.picture import odd
from tests.conftest import Pixels

Captured = pytest.CaptureFixture[str]
HEIGHT, WIDTH = 11, 13
Numbers = NDArray[np.integer]


def random(*shape: int, below: int = 256) -> Numbers:
    return np.random.default_rng(0).integers(0, below, shape)


def read(data: bytes) -> Picture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_image(io.BytesIO(data))


def in_8_bits(samples: Numbers, bits: int) -> Numbers:
    return samples >> 8 if bits == 16 else samples * (255 // (2**bits - 1))


# ---- PNG ----

DEPTHS = {
    odd.GREY: (1, 2, 4, 8, 16),
    odd.COLOUR: (8, 16),
    odd.PALETTE: (1, 2, 4, 8),
    odd.GREY_ALPHA: (8, 16),
    odd.COLOUR_ALPHA: (8, 16),
}
CHANNELS = {odd.GREY: 1, odd.COLOUR: 3, odd.PALETTE: 1, odd.GREY_ALPHA: 2, odd.COLOUR_ALPHA: 4}


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("kind", "bits"), [(kind, bits) for kind, depths in DEPTHS.items() for bits in depths])
def test_png_files_of_every_kind_and_depth(kind: int, bits: int, interlaced: bool) -> None:
    samples = random(HEIGHT, WIDTH, CHANNELS[kind], below=2**bits)
    palette = random(2**bits, 3)
    chunks = [odd.chunk(b"PLTE", palette.astype(np.uint8).tobytes())] if kind == odd.PALETTE else []
    picture = read(odd.png(samples, kind, bits, *chunks, interlaced=interlaced))
    wanted = palette[samples[..., 0]] if kind == odd.PALETTE else in_8_bits(samples, bits)
    if kind in (odd.GREY_ALPHA, odd.COLOUR_ALPHA):
        wanted, alpha = wanted[..., :-1], wanted[..., -1]
        np.testing.assert_array_equal(picture.alpha, alpha)
        wanted, picture = wanted * (alpha > 0)[..., None], Picture(picture.visible, picture.mode)
    np.testing.assert_array_equal(picture.pixels, np.broadcast_to(wanted, (HEIGHT, WIDTH, 3)))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("kind", "bits"), [(odd.GREY, 8), (odd.GREY, 16), (odd.COLOUR, 8), (odd.COLOUR, 16)])
def test_a_transparent_colour_is_compared_at_all_its_bits(kind: int, bits: int, interlaced: bool) -> None:
    channels = CHANNELS[kind]
    samples = np.zeros((1, 6, channels), int)
    colour = 2 ** (bits - 4) + 1
    samples[0, :, :] = np.array([colour, colour + 1, colour + 255, colour & 255, colour >> 8, 2])[:, None] % 2**bits
    samples[0, 1:, 1:] = samples[0, 1:, :1]
    transparent = odd.chunk(b"tRNS", struct.pack(">H", colour) * channels)
    picture = read(odd.png(samples, kind, bits, transparent, interlaced=interlaced))
    assert picture.alpha is not None
    assert (picture.alpha[0] == 0).tolist() == (samples == colour).all(axis=2)[0].tolist()


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_with_transparency(bits: int) -> None:
    samples = random(HEIGHT, WIDTH, 1, below=2**bits)
    palette, alpha = random(2**bits, 3), random(2**bits)
    chunks = [odd.chunk(n, a.astype(np.uint8).tobytes()) for n, a in ((b"PLTE", palette), (b"tRNS", alpha))]
    picture = read(odd.png(samples, odd.PALETTE, bits, *chunks))
    np.testing.assert_array_equal(picture.alpha, alpha[samples[..., 0]])
    np.testing.assert_array_equal(picture.visible, palette[samples[..., 0]] * (alpha[samples[..., 0]] > 0)[..., None])


def test_a_palette_picture_without_palette_is_refused_in_a_line() -> None:
    with pytest.raises(BadImage, match="does not decode"):
        read(odd.png(random(HEIGHT, WIDTH, 1, below=4), odd.PALETTE, 2))


# ---- TIFF ----


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiff_files_in_tiles_and_planes(channels: int, kind: type, tile: int, planar: bool) -> None:
    bits = 8 * np.dtype(kind).itemsize
    samples = random(40, 37, channels, below=2**bits).astype(kind)
    data = odd.tiff(samples, tile=tile, planar=planar)
    if (kind, planar) == (np.uint16, True):
        with pytest.raises(BadImage, match="misreads" if channels == 3 else "does not decode"):
            read(data)
    else:
        np.testing.assert_array_equal(read(data).pixels, np.broadcast_to(in_8_bits(samples, bits), (40, 37, 3)))


VALUES: dict[str, odd.Tag] = {
    "a number of 4 billion": (odd.LONG, [2**32 - 1]),
    "numbers": (odd.LONG, [1, 2, 3]),
    "floats": (odd.FLOAT, [1.5, float("nan")]),
    "doubles": (odd.DOUBLE, [1e300] * 3),
    "fractions": (odd.RATIONAL, [(1, 0), (1, 3)]),
    "text": (odd.ASCII, [b"a", b"b", b"\0"]),
    "nothing": (odd.BYTE, []),
}


@pytest.mark.parametrize("tag", [odd.PROFILE, odd.XMP])
@pytest.mark.parametrize("kind", VALUES)
def test_metadata_of_odd_types_is_left_out(kind: str, tag: int) -> None:
    samples = random(HEIGHT, WIDTH, 3).astype(np.uint8)
    picture = read(odd.tiff(samples, **{f"t{tag}": VALUES[kind]}))
    np.testing.assert_array_equal(picture.pixels, samples)
    assert sum(map(len, picture.metadata.values())) < 10


def test_odd_metadata_is_named(tmp_path: Path, tiny_model_path: Path, capsys: Captured) -> None:
    path = tmp_path / "a.tif"
    samples = random(HEIGHT, WIDTH, 3).astype(np.uint8)
    path.write_bytes(odd.tiff(samples, t34675=VALUES["a number of 4 billion"], t700=VALUES["floats"]))
    assert main(["encode", str(path), "-m", "tiny"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if "left out" in line] == [
        f"{path}: the picture's colour profile is of type int: left out",
        f"{path}: the picture's XMP is of type tuple: left out",
    ]
    assert parse(path.with_suffix(".lic").read_bytes()).metadata == {}


def test_metadata_that_is_too_large_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "MAX_BYTES", 100)
    monkeypatch.setattr(metadata, "MAX_TEXT", 100)
    image = Image.new("RGB", (3, 3))
    image.info = {"exif": b"x" * 100, "icc_profile": b"x" * 101, "text": {"Title": "x" * 100}}
    with pytest.warns(UserWarning) as caught:
        assert read_image(image).metadata == {"exif": b"x" * 100}
    assert [str(w.message) for w in caught] == [
        "the picture's colour profile has more than 100 bytes: left out",
        "the picture's text has more than 100 bytes: left out",
    ]


@pytest.mark.parametrize("value", [5, 1.5, ["a"], {"a": 1}, (1, 2)])
def test_metadata_that_is_given_has_to_be_bytes(value: object, photo: Pixels) -> None:
    with pytest.raises(BadSetting, match="give bytes"):
        read_image(photo).with_metadata({"exif": value})


def test_odd_texts_are_left_out() -> None:
    image = Image.new("RGB", (3, 3))
    image.info["text"] = {1: "a", "b": None, "c": "\udcff", "d": "e"}
    assert read_image(image).metadata == {"text": b"c\0?\0d\0e\0"}


# ---- JPEG and others ----


def jpeg(mode: str, **options: object) -> bytes:
    out = io.BytesIO()
    pixels = random(3, 4, len(mode)).astype(np.uint8).squeeze()
    Image.fromarray(pixels, mode).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(out, "JPEG", **options)
    return out.getvalue()


def ycck() -> bytes:
    """A CMYK file that says that it is YCCK."""
    data = jpeg("CMYK")
    at = data.index(b"Adobe") + 11
    assert data[at] == 0
    return data[:at] + b"\2" + data[at + 1 :]


@pytest.mark.parametrize(
    "make",
    [
        lambda: jpeg("RGB", subsampling=0),
        lambda: jpeg("RGB", subsampling=1),
        lambda: jpeg("RGB", subsampling=2, progressive=True),
        lambda: jpeg("RGB", restart_marker_blocks=1),
        lambda: jpeg("L", progressive=True),
        lambda: jpeg("CMYK"),
        ycck,
    ],
)
def test_jpeg_files_are_read_as_pillow_reads_them(make: Callable[[], bytes]) -> None:
    data = make()
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(read(data).pixels, np.asarray(image.convert("RGB")))


def saved(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(random(60, 50, 3).astype(np.uint8)).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "TGA", "PPM", "JPEG2000", "ICO", "PCX"])
def test_a_file_that_is_cut_or_damaged_is_read_or_refused_in_a_line(kind: str) -> None:
    data = saved(kind)
    choice = np.random.default_rng(0)
    damaged = [data[:end] for end in range(0, len(data), max(1, len(data) // 60))]
    for _ in range(60):
        bent = bytearray(data)
        for at in choice.integers(0, min(len(data), 300), 3):
            bent[at] = choice.integers(256)
        damaged.append(bytes(bent))
    outcomes = set()
    for file in damaged:
        try:
            outcomes.add(type(read(file)))
        except (LicError, OSError, Image.DecompressionBombError) as error:
            assert "\n" not in str(error)
            outcomes.add(type(error))
    assert len(outcomes) > 1


def test_a_bitmap_of_5_6_5_bits_has_no_16_bits_per_sample() -> None:
    header = struct.pack("<IiiHHIIiiII", 40, 4, 4, 1, 16, 3, 32, 0, 0, 0, 0)
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    start = 14 + len(header) + len(masks)
    data = b"BM" + struct.pack("<IHHI", start + 32, 0, 0, start) + header + masks + bytes(32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(io.BytesIO(data)).pixels.shape == (4, 4, 3)
