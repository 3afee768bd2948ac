"""One photo in equal sizes: limits, and exact captions."""

import re

import pytest

from lic.tools.evaluation.codecs import get_codec
from lic.tools.evaluation.versions import Version, byte_limit, make_versions
from tests.conftest import Pixels


def test_all_versions_have_nearly_the_same_size(versions: list[Version]) -> None:
    assert all(1400 < version.bytes <= 1600 for version in versions)
    assert not any(version.over_limit for version in versions)


def test_a_codec_that_cannot_be_so_small_says_so(photo: Pixels) -> None:
    (version,) = make_versions(photo, [get_codec("jpeg")], 100)
    assert version.over_limit and version.setting == 1
    assert "the smallest it can be" in version.caption()


def test_captions_say_size_and_which_psnr(versions: list[Version]) -> None:
    jpeg = versions[1]
    assert re.fullmatch(
        r"JPEG 4:2:0, \d+ bytes \(0\.\d{3} bit/px\), "
        r"PSNR: \d\d\.\d\d dB luma / \d\d\.\d\d dB chroma, MS-SSIM: 0\.\d{4}",
        jpeg.caption(),
    )
    assert f"{8 * jpeg.bytes / (203 * 261):.3f} bit/px" in jpeg.caption()


@pytest.mark.parametrize(
    ("arguments", "limit"), [((1234, None, None), 1234), ((None, 0.5, None), 3311), ((None, None, 30), None)]
)
def test_the_limit_is_bytes_or_a_rate_or_that_of_a_jpeg(
    photo: Pixels, arguments: tuple[int | None, float | None, int | None], limit: int | None
) -> None:
    expected = limit or len(get_codec("jpeg").encode(photo, 30))
    assert byte_limit(photo, *arguments) == expected
