"""The weights of the contexts are learned on a differentiable copy of the codec's integer computation."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lic.codec.entropy.contexts import BLOCK, FEATURES, UNIT_BITS, WEIGHT_BITS, ContextState, PointContexts
from lic.tools.fitting.magnitude_fit import MIN_MAGNITUDE, ExpectedMagnitudes

CHANNELS = 2 * BLOCK + 3


@pytest.fixture
def values() -> Tensor:
    """Symbols whose channels swell and fade together, the first with the most to say."""
    generator = torch.Generator().manual_seed(0)
    spread = torch.linspace(6, 0.8, CHANNELS)[:, None, None]
    busy = torch.randn(6, 1, 10, 12, generator=generator).exp()
    return (torch.randn(6, CHANNELS, 10, 12, generator=generator) * busy * spread).round()


def fitted(values: Tensor, steps: int, *, earlier: bool = True) -> ExpectedMagnitudes:
    torch.manual_seed(0)
    expected = ExpectedMagnitudes(CHANNELS, range(FEATURES), earlier)
    expected.fit(values, values, steps)
    return expected


def test_the_codec_expects_the_same_magnitudes_from_the_integer_weights(values: Tensor) -> None:
    expected = fitted(values, steps=20)
    mu = expected(values)[0].detach().double().flatten(1).numpy()
    prediction = np.zeros((BLOCK, 3, 4), np.int64)
    empty = np.empty(0, np.int64)
    point = PointContexts(expected.weights(), prediction, empty, empty, expected.earlier_weights())
    state = ContextState(point, 10, 12)
    for channel in range(CHANNELS):
        symbols = np.append(values[0, channel].flatten().numpy().astype(np.int64), 0)
        for p in state.passes(channel):
            estimate = state.estimate(channel, p, symbols) / 2.0 ** (UNIT_BITS + WEIGHT_BITS)
            np.testing.assert_allclose(estimate.clip(MIN_MAGNITUDE), mu[channel, p.places], rtol=0.01, atol=2e-3)
        state.add(channel, symbols)


def test_learning_brings_the_expected_magnitudes_nearer(values: Tensor) -> None:
    def error(expected: ExpectedMagnitudes) -> float:
        with torch.no_grad():
            mu = expected(values)
        return float((values.abs() / mu + mu.log()).mean())  # of a Laplacian

    start, end = fitted(values, steps=1), fitted(values, steps=150)
    assert error(end) < error(start) - 0.05


def test_a_channel_expects_nothing_from_itself_or_later_ones(values: Tensor) -> None:
    expected = fitted(values, steps=30)
    channel = BLOCK + 2
    changed = values.clone()
    changed[:, channel:] = 9 - changed[:, channel:]
    before, after = expected(values)[:, :channel], expected(changed)[:, :channel]
    assert torch.equal(before, after)
    assert not torch.equal(expected(values)[:, channel + 1 :], expected(changed)[:, channel + 1 :])


def test_what_a_recipe_leaves_out_has_no_weight(values: Tensor) -> None:
    expected = ExpectedMagnitudes(CHANNELS, (0, 7), earlier=False)
    expected.fit(values, values, steps=5)
    weights = expected.weights()
    assert not weights[:, :, 1:7].any() and weights[:, :, [0, 7]].all()
    assert not expected.earlier_weights().any()
