"""Pillow, and the tools that use it, read and write .lic files."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from lic import decode, encode
from tests.conftest import Pixels

EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"
pytestmark = pytest.mark.usefixtures("tiny_model_path")


@pytest.fixture
def path(photo: Pixels, tmp_path: Path) -> Path:
    Image.fromarray(photo).save(tmp_path / "x.lic", quality=60, model="tiny", exif=EXIF, xmp=b"x")
    return tmp_path / "x.lic"


def test_saving_is_encoding(photo: Pixels, path: Path) -> None:
    metadata = {"exif": EXIF, "xmp": b"x"}
    assert path.read_bytes() == encode(photo, quality=60, model="tiny", metadata=metadata)
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "LIC", model="tiny", lambda_=0.02)
    assert buffer.getvalue() == encode(photo, lambda_=0.02, model="tiny")


def test_opening_reads_the_header_and_loading_decodes(path: Path) -> None:
    data = path.read_bytes()
    truncated = Image.open(io.BytesIO(data[: len(data) // 2]))
    assert (truncated.format, truncated.mode) == ("LIC", "RGB")
    assert truncated.info == {"exif": EXIF, "xmp": b"x"}
    with pytest.raises(OSError, match="complete copy"):
        truncated.load()
    with Image.open(path) as image:
        assert image.size == decode(data).size
        assert image.tobytes() == decode(data).tobytes()


def test_metadata_passes_on_from_file_to_file(path: Path) -> None:
    buffer = io.BytesIO()
    Image.open(path).save(buffer, "LIC", model="tiny")
    assert Image.open(buffer).info["exif"] == EXIF
    Image.open(path).save(buffer := io.BytesIO(), "LIC", model="tiny", exif=None, strip=True)
    assert Image.open(buffer).info == {}


def test_verify(path: Path) -> None:
    Image.open(path).verify()
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    with pytest.raises(OSError, match="checksum"):
        Image.open(io.BytesIO(data)).verify()


def test_files_that_were_closed_raise_what_pillows_formats_raise(path: Path) -> None:
    closed = Image.open(path)
    closed.close()
    with pytest.raises(ValueError, match="closed image"):
        closed.load()
    loaded = Image.open(path)
    loaded.load()
    for image in (closed, loaded):
        with pytest.raises(RuntimeError, match="directly after open"):
            image.verify()
    verified = Image.open(path)
    verified.verify()
    with pytest.raises(RuntimeError, match="opened again"):
        verified.load()


def test_the_format_is_registered() -> None:
    assert Image.registered_extensions()[".lic"] == "LIC"
    assert Image.MIME["LIC"] == "image/x-lic"


def test_damaged_headers_are_not_identified(path: Path) -> None:
    for data in (b"LIC", b"LIC\x01", b"LIC\x01\x09\x01\x01" + path.read_bytes()[7:]):
        with pytest.raises(UnidentifiedImageError):
            Image.open(io.BytesIO(data))
    with pytest.warns(UserWarning, match="newer lic"), pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(b"LIC\x07" + path.read_bytes()[4:]))


def test_thumbnails(path: Path) -> None:
    image = Image.open(path)
    image.thumbnail((64, 64))
    assert max(image.size) == 64


def test_scikit_image_imageio_and_matplotlib_read_it(path: Path) -> None:
    import imageio.v3
    import matplotlib.pyplot
    import skimage.io

    decoded = np.array(decode(path))
    for read in (skimage.io.imread, imageio.v3.imread, matplotlib.pyplot.imread):
        np.testing.assert_array_equal(read(path), decoded)


def test_imageio_writes_it(photo: Pixels, tmp_path: Path) -> None:
    import imageio.v3

    imageio.v3.imwrite(tmp_path / "y.lic", photo, quality=30, model="tiny")
    assert (tmp_path / "y.lic").read_bytes() == encode(photo, quality=30, model="tiny")


def test_registering_needs_neither_torch_nor_numpy() -> None:
    code = "import sys, lic.codec; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
