"""Contexts, fitted to latents of a picture and tried on another one."""

import dataclasses

import numpy as np
import pytest
import skimage.data
import torch

from lic.codec.entropy.contexts import UNIT_BITS, WEIGHT_BITS, ContextState
from lic.codec.entropy.library import Contexts
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.engine import engine_of
from lic.codec.transform.torch_network import freeze
from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.magnitudes import MIN_MAGNITUDE, Magnitudes
from lic.models.pca import pca_start
from lic.tools.fitting.context_fit import Recipe, _integers, fit_contexts


@pytest.fixture(scope="module")
def fitted() -> tuple[FrozenModel, FrozenModel]:
    """A model with one table per channel, and the same with contexts, both from half of a picture."""
    torch.manual_seed(0)
    network = RateDistortionAutoencoder(Architecture("residual", 12, 24), (0.005, 0.05))
    coffee = torch.from_numpy(skimage.data.coffee()[:384, :576].copy()).permute(2, 0, 1)[None].float() / 255
    pca_start(network, coffee)
    with torch.no_grad():
        for predictor in network.predictors:
            predictor.expand.weight.normal_(0, 0.01)
        y = network.analysis(coffee)[0]
    crops = torch.stack([y[:, i : i + 12, j : j + 12] for i in (0, 12) for j in (0, 12, 24)]).numpy()
    plain = freeze(network, {"name": "plain"})
    recipe = Recipe(library=40, steps=60)
    return plain, dataclasses.replace(plain, entropy=fit_contexts(plain, np.tile(crops, (3, 1, 1, 1)), recipe))


@pytest.mark.parametrize("position", [0, 100, 256])
def test_contexts_save_bits_on_another_picture(fitted: tuple[FrozenModel, FrozenModel], position: int) -> None:
    pixels = skimage.data.astronaut()[:256, :256]

    def bits(model: FrozenModel) -> float:
        point = model.at(position)
        symbols = np.concatenate([*engine_of(model).encode(pixels, point)], axis=1)
        return float(point.coder.bits(symbols).sum())

    plain, contexts = fitted
    assert bits(contexts) < 0.95 * bits(plain)


def test_the_codec_expects_the_same_magnitudes_from_the_integer_weights() -> None:
    torch.manual_seed(0)
    channels = 19
    busy = torch.randn(6, 1, 10, 12).exp()
    values = (torch.randn(6, channels, 10, 12) * busy * torch.linspace(6, 0.8, channels)[:, None, None]).round()
    magnitudes = Magnitudes(1, channels)
    magnitudes.fit(0, values, 30)
    weights, whole, scales = _integers(magnitudes)
    earlier = [whole[:, s : min(s + 8, channels), :s].ravel() for s in (8, 16)]
    empty = np.empty(0, np.int64)
    stored = Contexts(weights[None], empty, empty[None], empty, empty, np.concatenate(earlier)[None], scales[None])
    point = stored.at(0)
    with torch.no_grad():
        mu = magnitudes(values[:1], torch.tensor([0]))[0].double().flatten(1).numpy()
    state = ContextState(point, 10, 12)
    for channel in range(channels):
        symbols = np.append(values[0, channel].flatten().numpy().astype(np.int64), 0)
        for p in state.passes(channel):
            estimate = state.estimate(channel, p, symbols) / 2.0 ** (UNIT_BITS + WEIGHT_BITS)
            wanted = mu[channel, p.places]
            # In the running sums, a mean of four neighbours is rounded down.
            np.testing.assert_allclose(estimate.clip(MIN_MAGNITUDE), wanted, rtol=0.15, atol=0.1)
        state.add(channel, symbols)


def test_few_crops_are_fitted_in_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    original = Magnitudes.fit
    monkeypatch.setattr(Magnitudes, "fit", lambda *a: steps.append(a[3]) or original(*a))  # type: ignore[func-returns-value]
    network = RateDistortionAutoencoder(Architecture("residual", 4, 9), (0.01, 0.1))
    latents = np.random.default_rng(0).normal(size=(2, 9, 6, 6)).astype(np.float32)
    fit_contexts(freeze(network, {"name": "few"}), latents, Recipe(library=4))
    assert steps == [8, 8]


def test_lambda_points_with_second_looks_are_fitted_to_their_latents() -> None:
    torch.manual_seed(0)
    network = RateDistortionAutoencoder(Architecture("residual", 4, 9), (0.005, 0.05), shares=(0, 1))
    rng = np.random.default_rng(0)
    first, second = (rng.normal(0, spread, (2, 9, 6, 6)).astype(np.float32) for spread in (0.1, 0.5))
    model, recipe = freeze(network, {"name": "twice"}), Recipe(library=4, steps=2)
    of_first, of_second = (fit_contexts(model, y, recipe, y).weights for y in (first, second))
    found = fit_contexts(model, first, recipe, second).weights
    np.testing.assert_array_equal(found[0], of_first[0])
    np.testing.assert_array_equal(found[1], of_second[1])
    assert (of_first[1] != of_second[1]).any()
