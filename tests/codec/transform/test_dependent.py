"""Levels for models with dependent quantisation: codec/transform/dependent.py."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lic.codec.encode.pipeline import encode_picture
from lic.codec.encode.search import refine
from lic.codec.entropy.quantisers import Turns
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Latents, Symbols
from lic.codec.picture.reading import Picture
from lic.codec.transform.core_engine import CoreEngine
from lic.codec.transform.core_stream import Levels, Network
from lic.codec.transform.dependent import PhaseByPhase, levels_of
from lic.codec.transform.engine import decode_all
from lic.codec.transform.numpy_engine import NumpyEngine
from tests.codec.transform.random_models import random_pixels
from tests.conftest import Pixels

GOLDEN = Path(__file__).parents[3] / "conformance"
POSITION = 280


@pytest.fixture(scope="module")
def model() -> FrozenModel:
    return find_model(GOLDEN / "golden-trellis.safetensors").load()


@pytest.mark.parametrize("expects", [True, False])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (40, 70), (1030, 33), (1100, 20), (2090, 17)])
def test_the_core_and_numpy_choose_the_same_levels(model: FrozenModel, height: int, width: int, expects: bool) -> None:
    model = model if expects else replace(model, trust=None)
    pixels, point = random_pixels(height, width), model.at(POSITION)
    chunks = [*CoreEngine(model).encode(pixels, point)]
    assert sum(chunk.any() for chunk in chunks) > 0 or height == 1
    for chunk, expected in zip(chunks, NumpyEngine(model).encode(pixels, point), strict=True):
        np.testing.assert_array_equal(chunk, expected)
        np.testing.assert_array_equal(point.coder.decode(point.coder.encode(chunk), chunk.shape), chunk)


def test_levels_are_expected_from_those_that_the_decoder_has(model: FrozenModel) -> None:
    """Off their latents by the quantisation alone: the picture is near that of latents that are not rounded."""
    pixels, point = random_pixels(300, 200), model.at(POSITION)
    engine = CoreEngine(model)
    latents = engine.analyse(pixels, point.look(0))
    levels = np.concatenate([*engine.choose(latents, point)], axis=1)
    assert np.abs(point.scale(latents - engine.restore(levels, point))).mean() < 1


def test_chunks_are_given_some_rows_at_a_time(model: FrozenModel) -> None:
    """However latents come, in steps or at once, levels are the same, and so they are without C."""
    pixels, point, engine = random_pixels(1100, 30), model.at(POSITION), CoreEngine(model)
    latents = engine.analyse(pixels)
    whole = [*engine.choose(latents, point)]

    def rounded(parts: Iterator[Latents]) -> Iterator[Symbols]:
        return engine._round(parts, point, latents.shape[1:], 5)

    in_rows = (latents[:, row : row + 7] for row in range(0, latents.shape[1], 7))
    found = [*levels_of(in_rows, rounded, PhaseByPhase(point, lambda levels: engine.restore(levels, point)))]
    assert len(found) == len(whole) == 2
    for chunk, expected in zip(found, whole, strict=True):
        np.testing.assert_array_equal(chunk, expected)


def test_effort_never_makes_a_longer_file_nor_a_worse_picture(model: FrozenModel, photo: Pixels) -> None:
    picture, point = Picture(photo), model.at(POSITION)
    size = photo.shape[1::-1]
    plain, effort = (encode_picture(picture, model, POSITION, e) for e in (0, 4))
    assert len(effort) <= len(plain)
    engine = CoreEngine(model)
    start = np.concatenate([*engine.encode(photo, point)], axis=1)
    found = refine(start, engine.analyse(photo, point.look(4)), photo, model, point, 4)
    errors = [np.square(decode_all([s], model, point, size).astype(int) - photo).sum() for s in (start, found.symbols)]
    assert errors[1] <= errors[0]


def test_arrays_of_other_sizes_are_refused(model: FrozenModel) -> None:
    levels = Levels(Network(model), 1, (8, 5), model.at(POSITION))

    def choose(rows: int, columns: int, below: int) -> Symbols:
        symbols = np.zeros((model.channels, rows, columns), np.int32)
        return levels.choose(symbols.astype(np.float32), symbols, symbols[:, :below] if below else None)

    for sizes in (9, 5, 0), (8, 4, 0), (3, 5, 1):  # too high, too narrow, too low for one with others after it
        with pytest.raises(ValueError, match=r"shape|belong together"):
            choose(*sizes)
    assert choose(8, 5, 4).shape == (model.channels, 8, 5)


def test_effort_takes_pictures_of_several_chunks(model: FrozenModel) -> None:
    picture = Picture(random_pixels(1100, 40))
    plain, effort = (encode_picture(picture, model, POSITION, e) for e in (0, 1))
    assert len(effort) <= len(plain)


def test_every_level_is_one_of_the_quantiser_whose_turn_it_is(model: FrozenModel) -> None:
    point = model.at(POSITION)
    (levels,) = CoreEngine(model).encode(random_pixels(200, 200), point)
    assert levels.any()
    assert model.entropy.states is not None
    assert Turns(model.entropy.states).quantiser(0) == 0
    assert np.isfinite(point.coder.bits(levels)).all()
