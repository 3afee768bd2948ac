"""The search for a file of a certain size."""

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
