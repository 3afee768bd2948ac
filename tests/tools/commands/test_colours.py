"""Colours, bits and transparency through the command line: what would be lost is kept, converted, or said."""

import base64
import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from lic import decode, encode, read_info
from lic.codec.file.container import MAX_PROFILE, Section, build, parse
from lic.codec.picture.colour import CodePoints, is_srgb
from lic.codec.picture.fidelity import psnr
from lic.tools.cli import main
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")
Captured = pytest.CaptureFixture[str]
P3 = CodePoints(12, 13).profile()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


# 16 x 16 pixels, made by avifenc 0.11 and cjxl 0.7, since Pillow writes none such.
TEN_BITS_AVIF = base64.b64decode(
    "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADybWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAGxp"
    "YmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABGgAAAB0AAAAoaWluZgAAAAAAAQAAABppbmZlAgAAAAAB"
    "AABhdjAxQ29sb3IAAAAAamlwcnAAAABLaXBjbwAAABRpc3BlAAAAAAAAABAAAAAQAAAAEHBpeGkAAAAAAwoKCgAAAAxhdjFDgSBAAAAA"
    "ABNjb2xybmNseAABAA0ABoAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAACVtZGF0EgAKCDgM/9jAQ0GkMg8f8D///8QAAQDlJuJqtjw="
)
P3_AVIF = base64.b64decode(
    "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADybWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAGxp"
    "YmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABGgAAAB8AAAAoaWluZgAAAAAAAQAAABppbmZlAgAAAAAB"
    "AABhdjAxQ29sb3IAAAAAamlwcnAAAABLaXBjbwAAABRpc3BlAAAAAAAAABAAAAAQAAAAEHBpeGkAAAAAAwgICAAAAAxhdjFDgSAAAAAA"
    "ABNjb2xybmNseAAMAA0ABoAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAACdtZGF0EgAKCDgM/9hDA0GkMhEf8D///8QAAQDlJuTj3hHz"
    "rA=="
)
PQ_AVIF = base64.b64decode(
    "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADybWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAGxp"
    "YmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABGgAAAB4AAAAoaWluZgAAAAAAAQAAABppbmZlAgAAAAAB"
    "AABhdjAxQ29sb3IAAAAAamlwcnAAAABLaXBjbwAAABRpc3BlAAAAAAAAABAAAAAQAAAAEHBpeGkAAAAAAwoKCgAAAAxhdjFDgSBAAAAA"
    "ABNjb2xybmNseAAJABAACYAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAACZtZGF0EgAKCDgM/9jCRAJkMhAf8D///8QAAQDlJuJqttKo"
)
SIXTEEN_BITS_JXL = base64.b64decode(
    "/wpD8JNQXAgBMAGLTQkAgAqVUcYNXs71fPmhw2LaxnWGttq2sISx2V4YJKTQsbdZpw437weFc8U13oP9PS5mvIICQCWJFITdbuvFA7XP"
    "77pnMAFAO5A2"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save_png(path: str, pixels: Pixels, *chunks: tuple[bytes, bytes], bits: int = 8) -> None:
    """An RGB PNG file with further chunks, which Pillow does not write."""
    height, width, _ = pixels.shape
    data = pixels.astype(">u2" if bits == 16 else np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in data)
    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, body in ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
            file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))


def in_srgb(pixels: Pixels, profile: bytes) -> Pixels:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return np.asarray(ImageCms.profileToProfile(Image.fromarray(pixels), source, ImageCms.createProfile("sRGB")))


def test_a_profile_is_stripped_after_the_conversion_to_srgb(photo: Pixels) -> None:
    Image.fromarray(photo).save("wide.png", icc_profile=P3)
    Image.fromarray(photo).save("usual.png", icc_profile=SRGB)
    for name, right in (("wide", in_srgb(photo, P3)), ("usual", photo)):
        for strip in (["--strip"], ["--strip", "icc"]):
            assert main(["encode", f"{name}.png", "-f", "-m", "tiny", "--lossless", *strip]) == 0
            assert "icc_profile" not in Image.open(f"{name}.lic").info
            np.testing.assert_array_equal(np.asarray(Image.open(f"{name}.lic")), right)
    assert psnr(in_srgb(photo, P3), photo) < 40  # it does make a difference


def test_strip_before_a_name_strips_all(photo: Pixels) -> None:
    Image.fromarray(photo[:20, :20]).save("a.png", dpi=(300, 300))
    assert main(["encode", "-m", "tiny", "--strip", "a.png"]) == 0
    assert Image.open("a.lic").info == {}
    assert main(["encode", "a.png", "-f", "-m", "tiny", "--strip=gps,wrong"]) == 2


@pytest.mark.parametrize("code", [CodePoints(12, 13), CodePoints(9, 1), CodePoints(1, 8)])
def test_code_points_become_a_profile(photo: Pixels, code: CodePoints) -> None:
    save_png("a.png", photo[:40, :40], (b"cICP", bytes([*code, 0, 1])))
    assert main(["encode", "a.png", "-m", "tiny"]) == 0
    profile = Image.open("a.lic").info["icc_profile"]
    assert profile == code.profile() and not is_srgb(profile)
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))


def test_code_points_of_avif_and_heic_count_too(photo: Pixels, capsys: Captured) -> None:
    pytest.importorskip("pillow_heif").register_heif_opener()
    Path("wide.avif").write_bytes(P3_AVIF)
    Path("hdr.avif").write_bytes(PQ_AVIF)
    for name, primaries, transfer in (("wide.heic", 12, 13), ("hdr.heic", 9, 18)):
        points = {"color_primaries": primaries, "transfer_characteristics": transfer, "matrix_coefficients": 6}
        Image.fromarray(photo[:64, :64]).save(name, **points, full_range_flag=1)
    for kind in ("avif", "heic"):
        assert main(["encode", f"wide.{kind}", "-f", "-m", "tiny"]) == 0
        assert Image.open("wide.lic").info["icc_profile"] == P3
        assert main(["encode", f"hdr.{kind}", "-m", "tiny"]) == 1
        assert "has a high dynamic range" in capsys.readouterr().err


def test_the_profile_for_code_points_is_that_of_littlecms() -> None:
    red = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [10, 100, 200]]], np.uint8)
    assert is_srgb(CodePoints(1, 8).profile()) is False
    # Display P3's primaries in sRGB leave its range, its white and greys do not move.
    converted = in_srgb(red, P3)
    assert converted[0, 0].tolist() == [255, 0, 0] and converted[0, 3].tolist() == [255, 255, 255]
    assert np.abs(converted[0, 4].astype(int) - [0, 102, 206]).max() <= 3


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_refused_with_a_hint(photo: Pixels, capsys: Captured, transfer: int, name: str) -> None:
    save_png("hdr.png", photo[:20, :20], (b"cICP", bytes([9, transfer, 0, 1])))
    assert main(["encode", "hdr.png", "-m", "tiny"]) == 1
    error = capsys.readouterr().err
    assert f"high dynamic range ({name})" in error and "convert it to SDR first" in error


def test_more_than_8_bits_are_said_whatever_the_format(photo: Pixels, capsys: Captured) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    deep = photo[:64, :64].astype(np.uint16) * 257
    pillow_heif.from_bytes("RGB;16", (64, 64), deep.tobytes()).save("ten.heic")
    save_png("deep.png", deep, bits=16)
    Path("ten.avif").write_bytes(TEN_BITS_AVIF)
    Path("deep.jxl").write_bytes(SIXTEEN_BITS_JXL)
    pytest.importorskip("pillow_jxl")
    for name, bits in (("ten.heic", 10), ("deep.png", 16), ("ten.avif", 10), ("deep.jxl", 16)):
        assert main(["encode", name, "-f", "-m", "tiny", "--lossless", "--psnr"]) == 0
        error = capsys.readouterr().err
        assert f"the picture has {bits} bits per sample, the upper 8 are kept" in error and "exact" not in error
    Image.fromarray(photo[:64, :64]).save("eight.heic")
    assert main(["encode", "eight.heic", "-m", "tiny"]) == 0
    assert capsys.readouterr().err == ""


def test_lossless_says_that_cmyk_is_converted_and_keeps_hidden_colours(photo: Pixels, capsys: Captured) -> None:
    Image.fromarray(photo[:20, :20]).convert("CMYK").save("cmyk.tif")
    assert main(["encode", "cmyk.tif", "-m", "tiny", "--lossless", "--psnr"]) == 0
    error = capsys.readouterr().err
    assert "CMYK is converted to RGB, which changes colours a little" in error and "exact" not in error
    hidden = np.dstack([photo[:30, :40], np.zeros((30, 40), np.uint8)])
    Image.fromarray(hidden).save("hidden.png")
    assert main(["encode", "hidden.png", "-m", "tiny", "--lossless", "--psnr"]) == 0
    assert "exact" in capsys.readouterr().err
    assert main(["decode", "hidden.lic", "-o", "again.png"]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open("again.png")), hidden)


def test_grey_in_three_channels_is_coded_as_grey_and_decoded_to_three(photo: Pixels) -> None:
    grey = np.asarray(Image.fromarray(photo).convert("L").convert("RGB"))
    Image.fromarray(grey).save("grey.png", icc_profile=P3)
    assert main(["encode", "grey.png", "-m", "tiny", "-q", "50", "--no-lossless"]) == 0
    decoded = np.asarray(Image.open("grey.lic"))
    assert decoded.shape == grey.shape and read_info("grey.lic").mode == "RGB"
    assert (decoded[..., 0] == decoded[..., 1]).all() and (decoded[..., 1] == decoded[..., 2]).all()
    assert decode(encode(np.dstack([grey, grey[..., 0]]), model="tiny")).mode == "RGBA"
    assert main(["encode", "grey.png", "-o", "exact.lic", "-m", "tiny", "--lossless"]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open("exact.lic")), grey)


def test_profiles_are_compressed(photo: Pixels) -> None:
    profile = SRGB + bytes(5000)
    file = parse(encode(photo, model="tiny", metadata={"icc_profile": profile}))
    assert file.metadata["icc_profile"] == profile
    assert len(file.section(b"p") or b"") < len(SRGB) + 200
    short = parse(encode(photo, model="tiny", metadata={"icc_profile": b"\1\7\3"}))
    assert short.section(b"i") == b"\1\7\3" == short.metadata["icc_profile"]


@pytest.mark.parametrize("payload", [b"damaged", zlib.compress(bytes(MAX_PROFILE + 1)), zlib.compress(b"a") + b"more"])
def test_profiles_that_do_not_unpack_are_ignored(photo: Pixels, payload: bytes) -> None:
    file = parse(encode(photo, model="tiny"))
    data = build(replace(file, sections=(Section(b"p", payload),)))
    assert "icc_profile" not in decode(data).info
