"""Picture files of all kinds, in and out."""

import io
import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lic import encode
from lic.tools.cli import main
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a .lic file that has transparency and a colour profile."""
    monkeypatch.chdir(tmp_path)
    alpha = np.full((40, 60, 1), 9, np.uint8)
    Image.fromarray(np.concatenate([photo[:40, :60], alpha], 2)).save("clear.png", icc_profile=b"profile")
    assert main(["encode", "clear.png", "-m", "tiny"]) == 0
    return tmp_path


@pytest.mark.parametrize(("module", "suffix"), [("pillow_heif", ".heic"), ("pillow_jxl", ".jxl"), ("PIL", ".avif")])
def test_files_of_installed_plugins_are_found_and_read(module: str, suffix: str, folder: Path, photo: Pixels) -> None:
    pytest.importorskip(module)
    assert main(["decode", "clear.lic", "-o", f"clear{suffix}"]) == 0
    Path("in").mkdir()
    Path(f"clear{suffix}").rename(f"in/clear{suffix}")
    assert main(["encode", "in", "-o", "out/", "-m", "tiny"]) == 0
    assert Image.open("out/clear.lic").size == (60, 40)


def test_pictures_that_cannot_be_read_are_reported_and_other_files_counted(folder: Path, capsys: Captured) -> None:
    pytest.importorskip("pillow_jxl")
    Path("in").mkdir()
    for name in ("a.cr2", "b.jxl", "notes.txt", "clear.lic", "film.mpg"):
        Path("in", name).write_bytes(b"something")
    Path("clear.png").rename("in/clear.png")
    assert main(["encode", "in", "-o", "out/", "-m", "tiny"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "in/a.cr2: cannot be read here: this is a raw file: develop it to TIFF or JPEG first"
    assert lines[1] == "in/b.jxl: not a picture that Pillow can read"
    assert "1 converted, 2 failed, 2 of unknown type left: film.mpg, notes.txt;" in lines[2]


def test_lossy_outputs_have_quality_95_unless_told_otherwise(folder: Path) -> None:
    sizes = []
    for quality in ([], ["--quality", "95"], ["--quality", "60"]):
        assert main(["decode", "clear.lic", "-o", "x.jpg", "-f", *quality]) == 0
        sizes.append(Path("x.jpg").stat().st_size)
    assert sizes[0] == sizes[1] > sizes[2]
    with pytest.raises(SystemExit):
        main(["decode", "clear.lic", "-o", "x.jpg", "--quality", "0"])


def test_what_a_format_cannot_hold_is_said(folder: Path, capsys: Captured) -> None:
    assert main(["decode", "clear.lic", "-o", "x.jpg"]) == 0
    assert capsys.readouterr().err == (
        "clear.lic: JPEG holds no transparency: the picture is put on white, use .png to keep it\n"
    )
    assert np.asarray(Image.open("x.jpg")).min() > 200
    assert main(["decode", "clear.lic", "-o", "x.bmp"]) == 0
    assert "BMP holds no colour profile: left out, use .png to keep it" in capsys.readouterr().err
    assert main(["decode", "clear.lic", "-o", "x.webp"]) == 0
    assert capsys.readouterr().err == ""


def deep_png(path: str) -> None:
    """A PNG file of 16 x 16 pixels with 16 bits per sample, RGB, which Pillow cannot write."""
    rows = b"".join(b"\0" + bytes([200, 77] * 48) for _ in range(16))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in chunks:
            file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))


def deep_tiff(path: str) -> None:
    """The same as an uncompressed TIFF file."""
    tags = [
        (256, 3, 16),
        (257, 3, 16),
        (258, 3, None),
        (259, 3, 1),
        (262, 3, 2),
        (273, 4, 200),
        (277, 3, 3),
        (278, 3, 16),
    ]
    tags.append((279, 4, 16 * 16 * 6))
    entries = b"".join(
        struct.pack("<HHII", tag, kind, 3, 190) if value is None else struct.pack("<HHII", tag, kind, 1, value)
        for tag, kind, value in tags
    )
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + bytes(4)
    data = head.ljust(190, b"\0") + struct.pack("<HHH", 16, 16, 16).ljust(10, b"\0")
    with open(path, "wb") as file:
        file.write(data + bytes([77, 200] * (16 * 16 * 3)))


def deep_grey(path: str) -> None:
    Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 160).save(path)


@pytest.mark.parametrize(
    ("name", "make"), [("deep.png", deep_png), ("deep.tif", deep_tiff), ("g.png", deep_grey), ("g.tif", deep_grey)]
)
def test_a_picture_of_16_bits_is_cut_with_a_warning(
    name: str, make: Callable[[str], None], folder: Path, capsys: Captured
) -> None:
    make(name)
    assert main(["encode", name, "-m", "tiny"]) == 0
    assert capsys.readouterr().err == f"{name}: the picture has 16 bits per sample, the upper 8 are kept\n"


def test_resolution_and_text_travel(folder: Path, photo: Pixels) -> None:
    text = PngInfo()
    text.add_text("Title", "A portrait")
    Image.fromarray(photo[:40, :60]).save("described.png", dpi=(300, 300), pnginfo=text)
    assert main(["encode", "described.png", "-m", "tiny"]) == 0
    assert main(["decode", "described.lic", "-o", "again.png"]) == main(["decode", "described.lic", "-o", "x.jpg"]) == 0
    with Image.open("again.png") as image, Image.open("x.jpg") as jpeg:
        assert image.text == {"Title": "A portrait"}
        assert [round(value) for value in image.info["dpi"]] == [300, 300] == list(jpeg.info["dpi"])
    assert main(["encode", "described.png", "-o", "bare.lic", "-m", "tiny", "--strip"]) == 0
    assert Image.open("bare.lic").info == {}


def test_mode_and_times_are_preserved_if_asked_for(folder: Path) -> None:
    os.chmod("clear.png", 0o640)
    os.utime("clear.png", (1_000_000_000, 1_000_000_001))
    assert main(["encode", "clear.png", "-o", "kept.lic", "-m", "tiny", "--preserve"]) == 0
    found = os.stat("kept.lic")
    assert found.st_mtime == 1_000_000_001
    assert os.name == "nt" or found.st_mode & 0o777 == 0o640
    assert main(["decode", "kept.lic", "--preserve"]) == 0
    assert os.stat("kept.png").st_mtime == 1_000_000_001


@pytest.mark.parametrize("suffix", [".gif", ".tif"])
def test_all_frames_go_into_numbered_files(suffix: str, folder: Path, photo: Pixels, capsys: Captured) -> None:
    frames = [Image.fromarray(photo[i : i + 40, :60]) for i in range(0, 100, 10)]
    Path("in").mkdir()
    frames[0].save(f"in/many{suffix}", save_all=True, append_images=frames[1:])
    frames[0].save("in/one.png")
    assert main(["encode", "in", "-o", "out/", "-m", "tiny", "--all-frames"]) == 0
    assert "11 pictures: 11 converted" in capsys.readouterr().err
    assert main(["encode", "in", "-o", "out/", "-m", "tiny", "--all-frames", "-f", "-v"]) == 0
    assert f"in/many{suffix}, frame 10 -> out/many-10.lic: " in capsys.readouterr().err
    assert sorted(path.name for path in Path("out").glob("*.lic")) == [
        *(f"many-{number:02}.lic" for number in range(1, 11)),
        "one.lic",
    ]
    last = np.asarray(Image.open("out/many-10.lic")).astype(int)
    assert np.abs(last - np.asarray(frames[9])).mean() < np.abs(last - np.asarray(frames[0])).mean()
    assert main(["encode", f"in/many{suffix}", "-o", "x.lic", "-m", "tiny"]) == 0
    assert "has 10 frames, only number 1 is encoded" in capsys.readouterr().err


def tiff(*entries: bytes) -> bytes:
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + b"".join(entries) + bytes(4)


ORIENTATION_AS_TEXT = struct.pack(">HHI4s", 0x112, 2, 1, b"A\0\0\0")
ODD = {
    "exif": {
        "long": b"Exif\0\0II*\0\x08\0\0\0\0\0" + bytes(70_000),
        "garbage": b"garbage",
        "empty": b"Exif\0\0",
        "cut": tiff(ORIENTATION_AS_TEXT)[:-9],
        "of a wrong type": tiff(ORIENTATION_AS_TEXT),
        "endless": b"Exif\0\0MM\0*" + struct.pack(">IHI", 8, 0, 8),
    },
    "icc_profile": {"long": bytes(17_000_000), "garbage": b"garbage"},
    "xmp": {"long": b"<x/>" * 20_000, "no text": b"\xff\0\xfe"},
    "dpi": {"huge": (42_949_672.95, 1.0)},
    "text": {"named in Greek": {"π": "3"}, "without a name": {"": "3"}, "with a long name": {"x" * 80: "3"}},
}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".avif", ".heic", ".jxl", ".pdf", ".bmp", ".jp2"])
@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kinds in ODD.items() for kind in kinds])
def test_the_picture_is_written_whatever_metadata_it_has(
    name: str, kind: str, suffix: str, photo: Pixels, tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "odd.lic"
    path.write_bytes(encode(photo[:16, :16], lossless=True, model="tiny", metadata={name: ODD[name][kind]}))
    output = tmp_path / f"odd{suffix}"
    assert main(["decode", str(path), "-o", str(output)]) == 0
    assert all(re.search("holds no|cannot hold|Corrupt EXIF", line) for line in capsys.readouterr().err.splitlines())
    if suffix != ".pdf":
        with Image.open(output) as image:
            image.load()
            assert image.size == (16, 16)


def test_iptc_without_xmp_is_left_out_with_a_word(photo: Pixels, tmp_path: Path, capsys: Captured) -> None:
    block = b"8BIM\x04\x04\0\0" + (8).to_bytes(4, "big") + b"\x1c\x02\x78\0\x03abc"
    segment = b"Photoshop 3.0\0" + block
    for name, more in (("alone.jpg", {}), ("both.jpg", {"xmp": b"<x/>"})):
        file = io.BytesIO()
        Image.fromarray(photo[:16, :16]).save(file, "JPEG", **more)
        start, rest = file.getvalue()[:2], file.getvalue()[2:]
        (tmp_path / name).write_bytes(start + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + rest)
        assert main(["encode", str(tmp_path / name), "-m", "tiny"]) == 0
        assert ("IPTC block is left out" in capsys.readouterr().err) is (name == "alone.jpg")


def test_what_does_not_fit_into_a_file_is_named(photo: Pixels, tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "odd.lic"
    metadata = {"exif": ODD["exif"]["long"], "icc_profile": b"kept", "text": {"π": "3", "e": "2"}}
    path.write_bytes(encode(np.dstack([photo[:16, :16], photo[:16, :16, :1]]), model="tiny", metadata=metadata))
    assert main(["decode", str(path), "-o", f"{tmp_path}/x.jpg"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2] for line in said] == [
        "JPEG holds no text: left out, use .png to keep it",
        "JPEG holds no transparency: the picture is put on white, use .png to keep it",
        "JPEG cannot hold this picture's EXIF: left out",
    ]
    assert Image.open(tmp_path / "x.jpg").info["icc_profile"] == b"kept"
    assert main(["decode", str(path), "-o", f"{tmp_path}/x.png"]) == 0
    assert "PNG cannot hold a text named 'π': left out" in capsys.readouterr().err
    assert Image.open(tmp_path / "x.png").text == {"e": "2"}  # type: ignore[attr-defined]


def test_large_pictures_need_a_word(
    folder: Path, photo: Pixels, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # which the command changes
    Image.fromarray(photo[:40, :60]).save("panorama.png")
    assert main(["encode", "panorama.png", "-m", "tiny", "--max-pixels", "2398"]) == 1
    assert "the picture has more than 2,398 pixels: raise --max-pixels if you trust it" in capsys.readouterr().err
    assert main(["encode", "panorama.png", "-m", "tiny", "--max-pixels", "2400"]) == 0
    assert capsys.readouterr().err == ""
