"""Limits on the work that a few bytes can cause."""

import dataclasses
import io
import math
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lic import Corrupt, TooLarge, Truncated, decode, encode
from lic.codec.entropy import chunks
from lic.codec.file.container import ALPHA, METADATA, STORED, Container, FileReader, Section, build, parse
from lic.codec.file.geometry import chunks_under, latent_size
from lic.codec.model.catalogue import find_model
from lic.codec.picture.alpha import pack_alpha
from lic.tools.cli import main
from tests.fuzz.seeds import GOLDEN

FILE = parse((GOLDEN / "plain.lic").read_bytes())  # 91 x 75, padded to 96 x 80


@pytest.fixture(autouse=True)
def golden_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIC_MODELS", str(GOLDEN))


def claiming(width: int, height: int, *sections: Section) -> bytes:
    return build(Container(width, height, "RGB", 0, FILE.fingerprint, bytes(30), sections))


COST = """
import sys
from lic import TooLarge, decode

def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])

data = sys.stdin.buffer.read()
before = peak()
try:
    decode(data)
except TooLarge:
    print((peak() - before) / 1024, peak() / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory in Linux's way")
def test_sixty_bytes_that_claim_a_gigapixel_take_no_memory() -> None:
    bomb = claiming(31623, 31623)
    assert len(bomb) <= 60
    out = subprocess.run([sys.executable, "-c", COST], input=bomb, capture_output=True, check=True).stdout
    more, all_in_all = map(float, out.split())  # megabytes
    assert more < 1 and all_in_all < 50


def test_pillows_habit_a_warning_then_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    data, cost = build(FILE), 96 * 80
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", cost)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decode(data)
    for limit in (cost - 1, cost // 2):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.warns(Image.DecompressionBombWarning, match="91 x 75"):
            decode(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", cost // 2 - 1)
    with pytest.raises(TooLarge, match=r"91 x 75.*7,680 pixels.*limit of 7,678.*max_pixels"):
        decode(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert decode(data).size == (91, 75)


def test_max_pixels_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    data = build(FILE)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(data, max_pixels=7680).size == decode(data, max_pixels=math.inf).size == (91, 75)
    with pytest.raises(TooLarge):
        decode(data, max_pixels=7679)


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.lic"
    path.write_bytes(build(FILE))
    assert main(["decode", str(path), "--max-pixels", "7000"]) == 1
    assert "beyond the limit of 7,000" in capsys.readouterr().err
    assert main(["decode", str(path), "--max-pixels", "8000"]) == 0


def test_a_warning_reaches_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 7000)
    path = tmp_path / "x.lic"
    path.write_bytes(build(FILE))
    assert main(["decode", str(path)]) == 0
    assert capsys.readouterr().err.startswith(f"{path}: the file declares a picture of 91 x 75")


def test_pillow_has_its_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO(build(FILE))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 91 * 75 // 2 - 1)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 91 * 75 - 1)
    with pytest.warns(Image.DecompressionBombWarning) as caught:
        Image.open(data).load()
    assert len(caught) == 1
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert Image.open(data).load() is not None


def test_a_strip_counts_with_the_padding_that_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2**17)
    strip = claiming(2**17, 1)  # 2^21 pixels with padding
    with pytest.raises(TooLarge, match="2,097,152 pixels"):
        decode(strip)
    with pytest.raises(OSError, match="2,097,152 pixels"):
        Image.open(io.BytesIO(strip)).load()


def test_a_region_counts_what_is_decoded_for_it() -> None:
    wide = claiming(2**24 - 1, 5000)
    with pytest.raises(TooLarge, match="17,179,869,184 pixels"):  # all columns of 64 rows of latents
        decode(wide, region=(0, 0, 1, 1))
    tall = claiming(64, 2**24 - 1)
    assert chunks_under((0, 2000, 9, 2001), (64, 2**24 - 1), 2) == range(1, 2)
    with pytest.raises(Corrupt):  # allowed, but the latents are missing
        decode(tall, region=(0, 2000, 9, 2001))
    transparent = claiming(64, 2**24 - 1, Section(ALPHA, b"a PNG file, decoded as a whole"))
    with pytest.raises(TooLarge, match="1,073,741,760 pixels"):
        decode(transparent, region=(0, 2000, 9, 2001))


def test_an_opaque_region_does_not_allocate_the_plane() -> None:
    tall = dataclasses.replace(parse((GOLDEN / "chunks.lic").read_bytes()), sections=(Section(ALPHA, b""),))
    picture = decode(build(tall), region=(3, 10, 10, 20), max_pixels=32 * 1100)
    assert (picture.mode, picture.size) == ("RGBA", (7, 10))


def png_chunk(tag: bytes, payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + tag + payload + zlib.crc32(tag + payload).to_bytes(4, "big")


def test_an_alpha_that_unpacks_to_too_much_is_refused() -> None:
    png = pack_alpha(np.zeros((75, 91), np.uint8))
    bomb = zlib.compress(bytes(20_000_000), 9)
    text = png_chunk(b"zTXt", b"Comment\0\0" + bomb)
    start = png.index(b"IDAT") - 4
    for payload in (png[:start] + text + png[start:], pack_alpha(np.zeros((2000, 2000), np.uint8))):
        with pytest.raises(Corrupt, match="alpha"):
            decode(build(dataclasses.replace(FILE, sections=(Section(ALPHA, payload),))))


def test_metadata_is_never_unpacked() -> None:
    bomb = zlib.compress(bytes(10_000_000), 9)
    sections = tuple(Section(tag, bomb) for tag in METADATA.values())
    picture = decode(build(dataclasses.replace(FILE, sections=sections)))
    assert picture.info == dict.fromkeys(METADATA, bomb)


def test_a_length_claims_no_memory_that_the_file_does_not_have() -> None:
    class Counting(io.BytesIO):
        asked = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.asked = max(self.asked, size or 0)
            return super().read(size)

    file = Counting(b"x" * 100)
    with pytest.raises(Truncated, match="byte 100 of at least 34359738367"):
        FileReader(file).take(2**35 - 1)
    assert file.asked <= 2**20


def test_pixels_that_are_stored_count_without_padding_and_by_region() -> None:
    thin = Container(1000, 1, "L", 0, FILE.fingerprint, b"", (Section(STORED, bytes(range(250)) * 4),))
    assert decode(build(thin), max_pixels=1000).size == (1000, 1)
    assert decode(build(thin), region=(0, 0, 9, 1), max_pixels=9).size == (9, 1)
    with pytest.raises(TooLarge, match="takes 1,000 pixels"):
        decode(build(thin), max_pixels=999)
    drawn = parse((GOLDEN / "stored-webp.lic").read_bytes())  # 50 x 40, decoded as a whole
    assert decode(build(drawn), region=(0, 0, 1, 1), max_pixels=2000).size == (1, 1)
    with pytest.raises(TooLarge, match="takes 2,000 pixels"):
        decode(build(drawn), region=(0, 0, 1, 1), max_pixels=1999)


@pytest.mark.parametrize(("width", "height"), [(2**24 - 1, 16), (16, 2**24 - 1), (2**24 - 1, 1), (40_000, 40_000)])
def test_the_limit_counts_alike_whatever_the_shape(width: int, height: int) -> None:
    pixels = -(-width // 16) * -(-height // 16) * 256
    with pytest.raises(TooLarge, match=f"takes {pixels:,} pixels"):
        decode(claiming(width, height), max_pixels=pixels - 1)


LIMITED = """
import resource, sys
from pathlib import Path
import lic, lic.codec.decoder, numpy
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]) * 2**20,) * 2)
try:
    lic.decode(sys.argv[2])
except MemoryError:
    print("MemoryError")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory in Linux's way")
@pytest.mark.parametrize("megabytes", [2, 20, 60])
def test_a_lack_of_memory_while_a_model_loads_is_a_memory_error(megabytes: int, tmp_path: Path) -> None:
    path = tmp_path / "x.lic"
    path.write_bytes(encode(np.zeros((16, 16, 3), np.uint8), lossless=False))
    done = subprocess.run([sys.executable, "-c", LIMITED, str(megabytes), str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "MemoryError\n"), done.stderr


MEMORY = """
import math, sys
from lic import decode

def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])

small, large = (open(name, "rb").read() for name in sys.argv[1:])
decode(small)
before = peak()
decode(large, max_pixels=math.inf)
print((peak() - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory in Linux's way")
@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(2**18, 16), (16, 2**18)])
def test_memory_is_bounded_by_the_pixels_whatever_the_shape(width: int, height: int, tmp_path: Path) -> None:
    small = encode(np.zeros((64, 64, 3), np.uint8), quality=1, lossless=False)  # by the model that ships
    model = find_model().load()
    zeros = np.zeros((model.channels, *latent_size(width, height)), np.int32)
    latents = chunks.pack(chunks.chunks_of(zeros), model.at(0).coder)
    file = Container(width, height, "RGB", 0, model.fingerprint, latents)
    for name, data in (("small", small), ("large", build(file))):
        (tmp_path / name).write_bytes(data)
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "small"), str(tmp_path / "large")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) * 2**20 <= 16 * width * height + 50 * 2**20
