"""The search for a file of a certain size."""

import pytest

from lic.codec.picture.fidelity import psnr
from lic.tools.evaluation import codecs
from tests.conftest import Pixels


def test_the_largest_file_within_a_limit_is_found(photo: Pixels) -> None:
    jpeg = codecs.get_codec("jpeg")
    setting, data = codecs.largest_within(lambda s: jpeg.encode(photo, s), jpeg.grid, 6000)
    assert len(data) <= 6000 < len(jpeg.encode(photo, setting + 1))


def test_the_smallest_file_is_taken_if_none_is_within_the_limit(photo: Pixels) -> None:
    jpeg = codecs.get_codec("jpeg")
    setting, _ = codecs.largest_within(lambda s: jpeg.encode(photo, s), jpeg.grid, 10)
    assert setting == 1


@pytest.mark.skipif(not codecs.is_available("avif"), reason="this Pillow has no AVIF")
def test_avif_is_tuned_for_psnr_if_asked(photo: Pixels) -> None:
    usual, tuned = (codecs.get_codec(name) for name in ("avif444", "avif444-psnr"))
    size = len(usual.encode(photo, 60))
    _, data = codecs.largest_within(lambda s: tuned.encode(photo, s), tuned.grid, size)
    assert psnr(photo, tuned.decode(data)) >= psnr(photo, usual.decode(usual.encode(photo, 60))) - 0.1
    assert "tune" in tuned.settings and "tune" not in usual.settings
