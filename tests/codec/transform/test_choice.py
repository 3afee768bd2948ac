"""Symbols that are chosen by cost cost least, and need no other decoder."""

import numpy as np
import pytest

from lic.codec.entropy.chunks import chunks_of
from lic.codec.model.curvature import ACTIVITIES, activity_of
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Symbols
from lic.codec.transform.choice import Rounded, choice_at
from lic.codec.transform.core_engine import CoreEngine
from lic.codec.transform.numpy_engine import NumpyEngine
from lic.codec.transform.restoration import phases
from tests.codec.transform.random_models import POSITION, random_model, random_pixels, with_random_curvature
from tests.conftest import Pixels


def symbols_of(model: FrozenModel, pixels: Pixels) -> Symbols:
    return np.concatenate([*CoreEngine(model).encode(pixels, model.at(POSITION))], axis=1)


@pytest.mark.parametrize("kind", ["balle2017", "residual"])
def test_no_other_symbol_costs_less(kind: str) -> None:
    """Of those up to three steps off: their bits beside rounded neighbours, and their distance from the target."""
    rounding, pixels = random_model(kind, 20, 37), random_pixels(130, 170)
    model = with_random_curvature(rounding)
    point, engine = model.at(POSITION), CoreEngine(model)
    latents, symbols = engine.analyse(pixels, point.look(0)), symbols_of(model, pixels)
    scaled = point.scale(latents - (engine.restore(symbols, point) - point.dequantise(symbols)))
    rounded, choice = Rounded.of(symbols_of(rounding, pixels), point), choice_at(point)
    assert choice is not None
    shift = choice.shift[rounded.activity].transpose(2, 0, 1)
    target = scaled + shift * scaled.clip(-1, 1)
    channel = np.arange(37)[:, None, None]
    weight = choice.weight[phases(symbols.shape), rounded.activity, channel]

    def cost(k: Symbols) -> np.ndarray:
        return choice.prices.bits(k, rounded.numbers) + weight * np.square(target - k)

    assert (symbols != symbols_of(rounding, pixels)).mean() > 0.05
    inside = np.abs(target) > 0.501  # nearer ones are 0
    assert not symbols[np.abs(target) < 0.499].any()
    for other in (np.zeros_like(symbols), *(symbols + step for step in (-3, -2, -1, 1, 2, 3))):
        assert (cost(symbols) <= cost(other) + 1e-3)[inside].mean() > 0.999  # a table may have two peaks


def test_chunks_are_chosen_one_after_the_other() -> None:
    """What is expected in a chunk depends on the next one; bits depend on the chunk alone."""
    model, pixels = with_random_curvature(random_model("residual")), random_pixels(2300, 40)
    engine, point = CoreEngine(model), model.at(POSITION)
    given = [*engine.encode(pixels, point)]
    assert [chunk.shape[1] for chunk in given] == [64, 64, 16]
    whole = np.concatenate([*NumpyEngine(model).encode(pixels, point)], axis=1)
    np.testing.assert_array_equal(np.concatenate(given, axis=1), whole)
    latents = engine.analyse(pixels, point.look(0))
    np.testing.assert_array_equal(np.concatenate([*engine.choose(latents, point)], axis=1), whole)
    assert [chunk.shape[1] for chunk in chunks_of(latents)] == [64, 64, 16]


def test_activity_counts_digits_of_the_sum() -> None:
    symbols = np.zeros((3, 2, 2), np.int32)
    symbols[:, 0, 1], symbols[:, 1, 0], symbols[:, 1, 1] = (0, -1, 0), (-3, 0, 4), 2**29
    assert activity_of(symbols).tolist() == [[0, 1], [3, ACTIVITIES - 1]]
