"""Encoder and decoder expect the same latents, as training does."""

import numpy as np
import pytest
import torch

from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Symbols
from lic.codec.transform.core_engine import CoreEngine
from lic.codec.transform.numpy_engine import NumpyEngine
from lic.codec.transform.restoration import phases, restore
from lic.codec.transform.torch_network import thaw
from lic.models import expectation
from tests.codec.transform.random_models import POSITION, random_model


@pytest.fixture(scope="module")
def model() -> FrozenModel:
    return random_model("residual")


def random_latents(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, (12, rows, columns)).astype(np.float32)


def chosen(latents: np.ndarray, model: FrozenModel) -> Symbols:
    return np.concatenate([*CoreEngine(model).choose(latents, model.at(POSITION))], axis=1)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3), (9, 14), (67, 4)])
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
        ours = restore(symbols, model.at(POSITION), NumpyEngine(model).expect)
        np.testing.assert_allclose(ours, restored[0].numpy(), atol=1e-5)


def test_what_is_expected_matters(model: FrozenModel) -> None:
    latents = random_latents(9, 14)
    assert (chosen(latents, model) != model.at(POSITION).quantise(latents)).mean() > 0.1


def test_the_encoder_corrects_what_the_decoder_expects(model: FrozenModel) -> None:
    """However wrong predictions are, no latent is off by more than its quantiser allows."""
    latents, point = random_latents(67, 15), model.at(POSITION)
    error = np.abs(restore(chosen(latents, model), point, NumpyEngine(model).expect) - latents)
    assert (error <= 0.551 / point.gain[:, None, None]).all()


def test_trust_runs_in_a_straight_line_between_lambda_points(model: FrozenModel) -> None:
    assert model.trust is not None
    quarter, last = model.at(64).trust, model.at(model.last_position).trust
    assert quarter is not None and last is not None
    np.testing.assert_allclose(quarter, 0.75 * model.trust[0] + 0.25 * model.trust[1])
    np.testing.assert_array_equal(last, model.trust[-1])


def test_phases_are_those_of_training() -> None:
    np.testing.assert_array_equal(phases((7, 5, 6)), expectation.phases(torch.zeros(1, 7, 5, 6)).numpy())
    np.testing.assert_array_equal(phases((7, 5, 6))[:, 1:], phases((7, 4, 6), 1))
