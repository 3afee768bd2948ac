"""The sheet of `lic compare`."""

from pathlib import Path

import numpy as np

from lic.tools.evaluation.codecs import get_codec
from lic.tools.evaluation.versions import Version, make_versions
from lic.tools.pages import sheet
from tests.conftest import Pixels


def test_crops_are_where_the_versions_differ_most(photo: Pixels) -> None:
    changed = photo.copy()
    changed[100:132, 40:72] = 255 - changed[100:132, 40:72]
    changed[20:52, 200:232] //= 2
    places = sheet.most_different(photo, [photo, changed], 32, 2)
    assert sorted(places) == [(20, 200, 32), (100, 40, 32)]


def test_the_sheet_shows_every_version(photo: Pixels, versions: list[Version]) -> None:
    drawn = sheet.draw_sheet("photo.png", photo, versions)
    assert drawn.shape[1] == sheet.WIDTH
    assert all((drawn[:, x] != 255).any() for x in (100, 800, 1400))


def test_a_tiny_photo_has_a_sheet_too(tiny_model_path: Path) -> None:
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    versions = make_versions(pixels, [get_codec("lic", str(tiny_model_path)), get_codec("webp")], 500)
    assert "MS-SSIM: -" in versions[0].caption()
    sheet.draw_sheet("tiny.png", pixels, versions)
