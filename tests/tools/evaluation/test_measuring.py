"""Real files are measured, every byte counted."""

import json
from pathlib import Path

import numpy as np
import pytest

from lic.tools.evaluation import codecs, measuring, metrics
from tests.conftest import Pixels


@pytest.mark.parametrize("name", codecs.NAMES)
def test_every_codec_codes_and_larger_settings_are_better(name: str, photo: Pixels, tiny_model_path: Path) -> None:
    if not codecs.is_available(name):
        pytest.skip(f"the Pillow plugin of {name} is not installed")
    codec = codecs.get_codec(name, str(tiny_model_path))
    pixels = photo[:170, :180]
    low, high = (measuring.measure_file("x", pixels, codec, codec.ladder[k]) for k in (1, -1))
    assert low.bytes < high.bytes
    assert low.psnr < high.psnr
    data = codec.encode(pixels, codec.ladder[1])
    assert low.bytes == len(data)
    assert low.bpp == 8 * len(data) / (170 * 180)
    assert low.psnr == metrics.psnr(pixels, codec.decode(data))
    assert "SETTING" in codec.settings and codec.version


def test_kodak_is_recognised_by_its_pixels() -> None:
    known = json.loads(measuring.KODAK.read_text())
    assert len(known) == 24
    hashes = {name: digest for digest, name in known.items()}
    assert measuring.recognise_kodak(hashes).startswith("Kodak: all 24 pictures")
    assert "1 that are not Kodak's: kodim01.png" in measuring.recognise_kodak(hashes | {"kodim01.png": "0"})
    assert measuring.recognise_kodak({"kodim01.png": "0"}) == ""


def test_the_pixel_hash_is_that_of_the_pixels_and_their_shape() -> None:
    flat = np.arange(24, dtype=np.uint8)
    hashes = {measuring.pixel_hash(flat.reshape(shape)) for shape in ((2, 4, 3), (4, 2, 3), (1, 8, 3))}
    assert len(hashes) == 3
