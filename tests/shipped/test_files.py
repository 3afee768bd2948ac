"""Files and pages by the shipped models: these statements hold for their weights and must be checked for new ones."""

from functools import cache

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lic import decode, encode
from lic.codec.entropy import chunks
from lic.codec.model.catalogue import TUNED, find_model
from lic.codec.model.packed import pack_encoder, pack_model
from lic.codec.picture.fidelity import mean_squared_error
from lic.codec.transform.engine import engine_of
from lic.tools.pages.viewer import viewer_page
from tests.conftest import Pixels

LARGEST_MODEL, LARGEST_ENCODER, LARGEST_PAGE = 8_000_000, 5_000_000, 10_000_000
FEWER_BYTES, CLOSE = 8, 32  # bytes, positions; over all positions of `photo`


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2048), st.integers(0, 2048), st.sampled_from(["astronaut", "coffee", "chelsea"]))
def test_bytes_grow_with_quality(a: int, b: int, name: str) -> None:
    """Except that slightly finer steps may round symbols to zero, which saves a few bytes at close positions."""
    model = find_model().load()
    latents, engine = latents_of(name), engine_of(model)
    points = (model.at(position) for position in sorted((a, b)))
    low, high = (len(chunks.pack(engine.choose(latents, point), point.coder)) for point in points)
    assert low <= high + (FEWER_BYTES if abs(a - b) <= CLOSE else 0)


@cache
def latents_of(name: str) -> NDArray[np.float32]:
    return engine_of(find_model().load()).analyse(getattr(skimage.data, name)()[100:196, 150:278])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "quality"), [("astronaut", 12), ("coffee", 50), ("chelsea", 88)])
def test_effort_makes_files_smaller_and_no_picture_worse(name: str, quality: float) -> None:
    """How much it saves on many pictures is measured: tests/results."""
    picture = np.ascontiguousarray(getattr(skimage.data, name)()[90:186, 120:232])
    sizes, errors = [], []
    for effort in (0, 1, 3):
        data = encode(picture, quality=quality, effort=effort)
        sizes.append(len(data))
        errors.append(mean_squared_error(picture, np.array(decode(data))))
    assert max(sizes) == sizes[0] and max(errors) == errors[0]
    assert sizes[2] < sizes[0] or sizes[0] < 300  # in so few bytes there may be nothing to find


@pytest.mark.slow
@pytest.mark.parametrize("name", TUNED.values())
def test_models_and_pages_without_pictures_are_small_enough(name: str) -> None:
    model = find_model(name).load()
    assert len(pack_model(model)) < LARGEST_MODEL
    assert len(pack_encoder(model)) < LARGEST_ENCODER
    assert len(viewer_page([], [model]).encode()) < LARGEST_PAGE


@pytest.mark.parametrize("quality", [20, 80])
def test_equal_qualities_of_both_tunings_mean_about_the_same_size(photo: Pixels, quality: float) -> None:
    sizes = [len(encode(photo, quality=quality, tune=tune)) for tune in TUNED]
    assert 0.7 < sizes[0] / sizes[1] < 1.4
