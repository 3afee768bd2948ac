import dataclasses

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray

from lic.codec.entropy.contexts import Contexts
from lic.codec.entropy.tables import MAX_HEIGHT, MAX_STEP
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.engine import engine_of
from lic.codec.transform.torch_network import freeze
from lic.models.architecture import KINDS, Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.pca import pca_start
from lic.tools.fitting.context_fit import Recipe, fit_contexts
from lic.tools.fitting.latents import STEPS_PER_CROP, sort_latents
from lic.tools.fitting.magnitude_fit import ExpectedMagnitudes

Chunks = NDArray[np.float32]


def tensor(pixels: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255


@pytest.fixture(scope="module")
def fitted() -> tuple[FrozenModel, FrozenModel]:
    """A model with one table per channel, and the same with contexts, of half of the picture that tests use."""
    torch.manual_seed(0)
    network = RateDistortionAutoencoder(Architecture(n=12, m=24), (0.005, 0.05))
    coffee = tensor(skimage.data.coffee()[:384, :576])
    pca_start(network, coffee)
    with torch.no_grad():
        y = network.analysis(coffee)[0]
    chunks = torch.stack([y[:, i : i + 12, j : j + 12] for i in (0, 12) for j in (0, 12, 24)]).numpy()
    latents = sort_latents(network, chunks)
    plain = freeze(network, {"name": "plain"})
    return plain, dataclasses.replace(plain, entropy=fit_contexts(plain, latents, Recipe(library=40)))


def bits(model: FrozenModel, pixels: NDArray[np.uint8], position: int) -> float:
    point = model.at(position)
    return float(point.coder.bits(point.quantise(engine_of(model).analyse(pixels, point.second_look))).sum())


@pytest.mark.parametrize("position", [0, 100, 256])
def test_contexts_save_bits_on_another_picture(fitted: tuple[FrozenModel, FrozenModel], position: int) -> None:
    plain, contexts = fitted
    pixels = skimage.data.astronaut()[:256, :256]
    assert bits(contexts, pixels, position) < 0.95 * bits(plain, pixels, position)


def test_few_pictures_are_not_learned_for_long(
    fitted: tuple[FrozenModel, FrozenModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []

    def fit(self: ExpectedMagnitudes, values: torch.Tensor, residuals: torch.Tensor, steps: int) -> None:
        self._measure(values, residuals)
        taken.append(steps)

    monkeypatch.setattr(ExpectedMagnitudes, "fit", fit)
    latents = np.random.default_rng(0).normal(size=(3, 24, 4, 4)).astype(np.float32)
    fit_contexts(fitted[0], latents, Recipe(library=4))
    assert max(taken) <= 3 * STEPS_PER_CROP
    taken.clear()
    fit_contexts(fitted[0], latents, Recipe(library=4, steps=2))
    assert taken == [6, 2]


def test_contexts_do_not_touch_the_picture(fitted: tuple[FrozenModel, FrozenModel]) -> None:
    pixels = skimage.data.astronaut()[:64, :96]
    symbols = [model.at(128).quantise(engine_of(model).analyse(pixels, model.at(128).second_look)) for model in fitted]
    np.testing.assert_array_equal(*symbols)


def test_all_integers_are_in_the_range_that_the_format_states(fitted: tuple[FrozenModel, FrozenModel]) -> None:
    contexts = fitted[1].entropy
    assert isinstance(contexts, Contexts)
    assert contexts.heights.min() >= 0 and (contexts.heights.max(axis=1) == MAX_HEIGHT).all()
    assert contexts.steps.min() >= 1 and contexts.steps.max() <= MAX_STEP
    assert contexts.index.max() < len(contexts.heights)
    assert (np.diff(contexts.thresholds) > 0).all()
    for array in (contexts.weights, contexts.prediction):
        assert np.abs(array).max() < 2**31


def test_contexts_are_fitted_to_the_latents_that_a_lambda_point_codes() -> None:
    """With a second look, its latents are used; this shows in the weights of the predictions."""
    torch.manual_seed(0)
    network = RateDistortionAutoencoder(Architecture(n=4, m=6), (0.005, 0.05), shares=(0, 1))
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=(2, 6, 8, 12)).cumsum(axis).astype(np.float32) for axis in (2, 3))
    model = freeze(network, {"name": "twice"})
    recipe = Recipe(library=4, steps=1)
    of_first, of_second = (fit_contexts(model, y, recipe, second=y).prediction for y in (first, second))
    found = fit_contexts(model, first, recipe, second=second).prediction
    np.testing.assert_array_equal(found[0], of_first[0])
    np.testing.assert_array_equal(found[1], of_second[1])
    assert (of_first[1] != of_second[1]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_sorting_latents_changes_nothing_else(kind: str) -> None:
    torch.manual_seed(0)
    network = RateDistortionAutoencoder(Architecture(kind, 8, 14), (0.01,))
    coffee = tensor(skimage.data.coffee()[:64, :96])
    pca_start(network, coffee)
    before = network(coffee, torch.tensor([0]), "round")
    latents = sort_latents(network, network.analysis(coffee).detach().numpy())
    after = network(coffee, torch.tensor([0]), "round")
    torch.testing.assert_close(after.reconstruction, before.reconstruction)
    torch.testing.assert_close(after.bits, before.bits)
    np.testing.assert_allclose(network.analysis(coffee).detach().numpy(), latents, atol=1e-6)
    size = np.abs(latents).mean(axis=(0, 2, 3)) * network.log_gain[0].detach().exp().numpy()
    for group in range(network.architecture.phases):
        assert (np.diff(size[group :: network.architecture.phases]) <= 1e-6).all()
