"""Encoder and decoder expect the same latents, in one piece or in tiles and chunks, and as training does."""

import numpy as np
import pytest
import torch

from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Symbols
from lic.codec.transform import tiles
from lic.codec.transform.engines import engine_of
from lic.codec.transform.restoration import phases, quantise, restore, restore_linearised
from lic.codec.transform.torch_network import freeze, thaw
from lic.models import expectation
from tests.codec.transform.test_tiles import random_network

POSITION = 256  # of a lambda point


@pytest.fixture(scope="module")
def model() -> FrozenModel:
    return freeze(random_network("residual", 8, 12), {"name": "expects"})


def random_latents(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, (12, rows, columns)).astype(np.float32)


def chosen(latents: np.ndarray, model: FrozenModel) -> Symbols:
    return np.concatenate([*quantise(latents, model, model.at(POSITION))], axis=1)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3), (9, 14), (64, 5), (67, 4), (131, 6)])
def test_symbols_and_latents_are_those_of_training(model: FrozenModel, rows: int, columns: int) -> None:
    latents = random_latents(rows, columns)
    network, point = thaw(model), torch.tensor([1])
    with torch.inference_mode():
        scaled, restored = network.code(torch.from_numpy(latents)[None], point, "dead-zone")
    symbols = chosen(latents, model)
    at_ties = np.abs(np.abs(scaled[0].numpy()) % 1 - 0.5) < 1e-3
    rounded = np.where(np.abs(scaled[0].numpy()) < 0.55, 0, np.floor(scaled[0].numpy() + 0.5))
    assert not ((symbols != rounded) & ~at_ties).any()
    if (symbols == rounded).all():
        ours = restore(symbols, engine_of(model), model.at(POSITION))
        np.testing.assert_allclose(ours, restored[0].numpy(), atol=1e-5)


def test_what_is_expected_matters(model: FrozenModel) -> None:
    latents = random_latents(9, 14)
    assert (chosen(latents, model) != model.at(POSITION).quantise(latents)).mean() > 0.1


@pytest.mark.parametrize("origin", [(0, 0), (1, 0), (0, 1)])
def test_slopes_by_symbols_are_those_of_differences(model: FrozenModel, origin: tuple[int, int]) -> None:
    """Through the latents of each phase, and what is expected from them in later phases."""
    engine, point = engine_of(model), model.at(POSITION)
    symbols = chosen(random_latents(9, 14), model)
    slopes, step = np.random.default_rng(1).standard_normal((2, *symbols.shape), np.float32)
    latents, back = restore_linearised(symbols, engine, point, origin)
    np.testing.assert_array_equal(latents, restore(symbols, engine, point, origin))
    ends = [restore(symbols + sign * np.float32(1e-2) * step, engine, point, origin) for sign in (-1, 1)]
    change = np.vdot(slopes, (ends[1] - ends[0]) / 2e-2)
    assert float(np.vdot(back(slopes), step)) == pytest.approx(float(change), rel=0.01)
    by_own_latents = slopes * point.inverse_gain[:, None, None]
    assert np.abs(back(slopes) - by_own_latents).mean() > 0.05 * np.abs(by_own_latents).mean()


def test_the_encoder_corrects_what_the_decoder_expects(model: FrozenModel) -> None:
    """However wrong predictions are, no latent is off by more than its quantiser allows; in any tiles."""
    latents, point = random_latents(131, 15), model.at(POSITION)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "TILE_ROWS", 5)
        patch.setattr(tiles, "TILE_COLUMNS", 7)
        symbols = chosen(latents, model)
    error = np.abs(restore(symbols, engine_of(model), point) - latents)
    assert (error <= 0.551 / point.gain[:, None, None]).all()


def test_a_part_of_the_picture_is_restored_as_in_the_whole(model: FrozenModel) -> None:
    point, reach = model.at(POSITION), model.architecture.restoration_reach
    symbols = np.random.default_rng(0).integers(-3, 4, (12, 20, 23)).astype(np.int32)
    whole = restore(symbols, engine_of(model), point)
    for top, left in ((4, 6), (5, 6), (4, 7), (5, 7)):
        part = restore(symbols[:, top:, left:], engine_of(model), point, (top, left))
        inner = slice(None), slice(reach, None), slice(reach, None)
        np.testing.assert_allclose(part[inner], whole[:, top:, left:][inner], atol=1e-5)
        assert np.abs(part - whole[:, top:, left:]).max() > 1e-3  # at the edge, where neighbours are missing


def test_trust_runs_in_a_straight_line_between_lambda_points(model: FrozenModel) -> None:
    assert model.trust is not None
    quarter, last = model.at(64).trust, model.at(model.last_position).trust
    assert quarter is not None and last is not None
    np.testing.assert_allclose(quarter, 0.75 * model.trust[0] + 0.25 * model.trust[1])
    np.testing.assert_array_equal(last, model.trust[-1])


def test_phases_are_those_of_training() -> None:
    np.testing.assert_array_equal(phases((7, 5, 6)), expectation.phases(torch.zeros(1, 7, 5, 6)).numpy())
    np.testing.assert_array_equal(phases((7, 5, 6))[:, 1:, 3:], phases((7, 4, 3), (1, 3)))
