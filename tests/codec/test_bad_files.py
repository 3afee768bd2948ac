"""Every kind of bad file has one clear error: in Python, on the command line, and through Pillow."""

import dataclasses
import io
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from lic import (
    Corrupt,
    LicError,
    ModelNotFound,
    NotALicFile,
    TooLarge,
    Truncated,
    UnsupportedVersion,
    decode,
    encode,
    read_info,
)
from lic.codec.file.container import ALPHA, STORED, Section, build, parse
from lic.codec.picture.alpha import pack_alpha
from lic.tools.cli import main
from tests.fuzz.repair import with_checksum
from tests.fuzz.seeds import GOLDEN

GOOD = (GOLDEN / "alpha.lic").read_bytes()
PARSED = parse(GOOD)
CHUNKS = (GOLDEN / "chunks.lic").read_bytes()


@pytest.fixture(autouse=True)
def golden_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIC_MODELS", str(GOLDEN))


def changed(**fields: object) -> bytes:
    """The good file with other fields, otherwise well-formed."""
    return build(dataclasses.replace(PARSED, **fields))  # type: ignore[arg-type]


def with_section(tag: bytes, payload: bytes) -> bytes:
    return changed(sections=(*(s for s in PARSED.sections if s.tag != tag), Section(tag, payload)))


class Bad(NamedTuple):
    data: bytes
    error: type[LicError]
    message: str
    opens: bool  # Pillow recognises the file, and raises an error when it loads the picture
    readable: bool = False  # by read_info


OTHER_SIZE = pack_alpha(np.zeros((9, 9), np.uint8))
BAD = {
    "empty": Bad(b"", NotALicFile, "not a .lic file", opens=False),
    "of another kind": Bad(b"\x89PNG\r\n\x1a\n", NotALicFile, "not a .lic file", opens=False),
    "cut in its head": Bad(GOOD[:9], Truncated, "ends at byte 9 of at least 13", opens=False),
    "cut in the latents": Bad(
        GOOD[:-5], Truncated, f"ends at byte {len(GOOD) - 5} of at least {len(GOOD)}", opens=True
    ),
    "cut in the checksum": Bad(GOOD[:-1], Truncated, f"ends at byte {len(GOOD) - 1} of at least", opens=True),
    "one bit flipped": Bad(GOOD[:-9] + bytes([GOOD[-9] ^ 4]) + GOOD[-8:], Corrupt, "checksum", opens=True),
    "longer than it should be": Bad(GOOD + b"\0", Corrupt, f"end at byte {len(GOOD)}", opens=True),
    "of a newer version": Bad(with_checksum(b"LIC\x02" + GOOD[4:]), UnsupportedVersion, "version 2", opens=False),
    "of the next mode": Bad(with_checksum(GOOD[:4] + b"\x03" + GOOD[5:]), UnsupportedVersion, "mode 3", opens=False),
    "with a newer section": Bad(with_section(b"Q", b""), UnsupportedVersion, "section b'Q'", opens=False),
    "with a section twice": Bad(
        changed(sections=(*PARSED.sections, Section(b"e", b"2"))), Corrupt, "section b'e' twice", opens=False
    ),
    "with a section without a name": Bad(with_section(b"\0", b""), Corrupt, "no letter", opens=False),
    "of an unknown model": Bad(changed(fingerprint=b"\1\2\3\4"), ModelNotFound, "needs model 01020304", True, True),
    "too large": Bad(changed(width=31623, height=31623), TooLarge, "a picture of 31623 x 31623", False, True),
    "without size": Bad(with_checksum(GOOD[:5] + b"\0" + GOOD[6:]), Corrupt, "picture of 0 x 75", opens=False),
    "between no rates": Bad(changed(position=513), Corrupt, "rate position 513", True, True),
    "with garbage for latents": Bad(changed(latents=b"\xff" * 8), Corrupt, "latents do not decode", True, True),
    "with garbage for alpha": Bad(with_section(ALPHA, b"garbage"), Corrupt, "alpha is no grey PNG", True, True),
    "with a cut alpha": Bad(
        with_section(ALPHA, (PARSED.section(ALPHA) or b"")[:100]), Corrupt, "alpha is damaged", True, True
    ),
    "with alpha of another size": Bad(
        with_section(ALPHA, OTHER_SIZE), Corrupt, "alpha is no grey PNG file of 91 x 75", True, True
    ),
    "with stored pixels of another size": Bad(
        changed(latents=b"", sections=(Section(STORED, b"123"),)),
        *(Corrupt, "the file stores 3 bytes", True, True),
    ),
    "with stored pixels and latents": Bad(with_section(STORED, b"123"), Corrupt, "the file stores 3 bytes", True, True),
    "with chunks that do not add up": Bad(
        build(dataclasses.replace(parse(CHUNKS), latents=b"\x7f\x7f\0")), Corrupt, "chunk lengths", True, True
    ),
}
bad_files = pytest.mark.parametrize("bad", BAD.values(), ids=BAD)


@bad_files
def test_in_python(bad: Bad) -> None:
    for call in (decode,) if bad.readable else (decode, read_info):
        with pytest.raises(bad.error, match=bad.message) as caught:
            call(bad.data)
        assert type(caught.value) is bad.error
    if bad.readable:
        assert read_info(bad.data).bytes == len(bad.data)


@bad_files
def test_on_the_command_line(bad: Bad, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.lic"
    path.write_bytes(bad.data)
    for command in ("decode",) if bad.readable else ("decode", "info"):
        assert main([command, str(path)]) == 1
        said = capsys.readouterr()
        assert said.out == "" and len(said.err.splitlines()) == 1
        assert said.err.startswith(f"{path}: ") and bad.message in said.err
    assert [p.name for p in tmp_path.iterdir()] == ["bad.lic"]


@bad_files
def test_through_pillow(bad: Bad) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if bad.error is TooLarge:  # Pillow's own limit comes first
            with pytest.raises(Image.DecompressionBombError):
                Image.open(io.BytesIO(bad.data))
        elif bad.opens:
            with pytest.raises(OSError, match=bad.message):
                Image.open(io.BytesIO(bad.data)).load()
        else:
            with pytest.raises(UnidentifiedImageError):
                Image.open(io.BytesIO(bad.data))


@pytest.mark.parametrize("call", [decode, read_info])
def test_a_file_that_is_not_there_is_the_systems_error(call: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        call(tmp_path / "none.lic")


def test_a_missing_model_is_said_before_torch_is_imported() -> None:
    code = """
import sys
from lic import ModelNotFound, decode
try:
    decode(sys.stdin.buffer)
except ModelNotFound:
    print("torch" in sys.modules)
"""
    data = changed(fingerprint=b"\1\2\3\4")
    assert subprocess.run([sys.executable, "-c", code], input=data, capture_output=True).stdout.strip() == b"False"


@pytest.mark.parametrize("backend", ["C", "numpy"])
def test_a_latent_that_no_encoder_writes_is_refused(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from lic.codec.entropy import coder, reference
    from lic.codec.entropy.compiled import MISSING

    huge = np.full((12, 1, 1), 2**31 - 2, np.int32)
    monkeypatch.setattr("lic.codec.encode.pipeline.choose_symbols", lambda *_: [huge])
    with monkeypatch.context() as patch:
        patch.setattr(coder, "BACKEND", "numpy")
        patch.setattr(reference, "MAX_SYMBOL", 2**31 - 2)
        data = encode(np.zeros((16, 16, 3), np.uint8), model="golden-plain", lossless=False)
    if not MISSING:
        monkeypatch.setattr(coder, "BACKEND", backend)
    with pytest.raises(Corrupt, match="do not decode"):
        decode(data)


def test_an_optional_section_of_the_future_is_passed_over() -> None:
    with_more = build(dataclasses.replace(PARSED, sections=(*PARSED.sections, Section(b"q", b"?"))))
    assert decode(with_more).tobytes() == decode(build(PARSED)).tobytes()


@pytest.mark.parametrize("position", [513, 1000, 2**16 - 1])
@pytest.mark.parametrize("name", ["plain", "stored", "stored-webp"])
def test_a_rate_position_beyond_the_model_is_described(
    name: str, position: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.lic"
    file = dataclasses.replace(parse((GOLDEN / f"{name}.lic").read_bytes()), position=position)
    path.write_bytes(build(file))
    assert read_info(path).quality is None
    assert main(["info", str(path)]) == main(["info", "--json", str(path)]) == 0
    wanted = "quality   lossless" if file.lossless else f"rate position {position} is not in its model"
    assert wanted in capsys.readouterr().out
    assert main(["decode", str(path)]) == (0 if file.lossless else 1)


ODD_NOTES = {
    "a resolution beyond all measure": (b"d", b"\xff\xff\xff\xff\x0f"),
    "no resolution": (b"d", b"\0"),
    "half a resolution": (b"d", b"\x80"),
    "a text that is no UTF-8": (b"t", b"Title\0\xff\xfe\0"),
    "a text that is too long": (b"t", b"".join(b"%x\0\0" % i for i in range(250_000))),
}


@pytest.mark.parametrize("kind", ODD_NOTES)
def test_a_resolution_or_text_that_is_none_is_passed_over(kind: str, tmp_path: Path) -> None:
    data = with_section(*ODD_NOTES[kind])
    assert {"dpi", "text"}.isdisjoint(decode(data).info)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert {"dpi", "text"}.isdisjoint(image.info)
    path = tmp_path / "x.lic"
    path.write_bytes(data)
    assert main(["decode", str(path)]) == 0
