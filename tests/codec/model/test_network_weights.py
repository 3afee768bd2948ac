"""Weights as integers: how near they come to the trained ones, and that old model files keep theirs."""

import numpy as np
import pytest

from lic.codec.entropy.tables import Kind
from lic.codec.model.network_weights import EXPONENTS, SCALE, pack, stored_kinds, tolerant, unpack
from lic.models.architecture import KINDS, Architecture


def random_weights(architecture: Architecture) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in architecture.tensors.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_weights_come_back_within_half_a_step_of_their_channel(kind: str) -> None:
    architecture = Architecture(kind, 6, 10)
    weights = random_weights(architecture)
    packed = pack(weights, architecture)
    for name, array in weights.items():
        found = unpack(packed, name)
        assert found.dtype == np.float32
        if array.ndim == 1:
            np.testing.assert_array_equal(found, array)
            continue
        steps = 127 if name in tolerant(architecture) else 32767
        half = np.abs(array).max(axis=tuple(range(1, array.ndim)), keepdims=True) / steps / 2
        assert (np.abs(found - array) <= 1.02 * half).all()  # float32 leaves a little more


def test_bytes_hold_bottlenecks_of_the_analysis_and_predictors() -> None:
    architecture = Architecture("residual", 6, 10)
    packed = pack(random_weights(architecture), architecture)
    for name in ("analysis.5.mix.weight", "predictors.2.reduce.weight", "predictors.0.place"):
        assert packed[name].dtype == np.int8
    for name in ("analysis.0.weight", "analysis.1.gamma_root", "synthesis.1.mix.weight", "synthesis.9.weight"):
        assert packed[name].dtype == np.int16
    earlier = Architecture("balle2017", 6, 10)
    assert not tolerant(earlier) & earlier.tensors.keys()


def test_a_channel_of_zeros_stays_one() -> None:
    architecture = Architecture("balle2017", 3, 4)
    weights = random_weights(architecture)
    weights["analysis.2.weight"][1] = 0
    assert not unpack(pack(weights, architecture), "analysis.2.weight")[1].any()


def test_exponents_multiply_by_powers_of_two() -> None:
    architecture = Architecture("balle2017", 3, 4)
    packed = pack(random_weights(architecture), architecture)
    name = "synthesis.0.weight"
    shape = packed[name].shape[1:]
    exponents = np.arange(np.prod(shape)).reshape(shape).astype(np.int8) - 9
    found = unpack(packed | {name + EXPONENTS: exponents}, name)
    np.testing.assert_array_equal(found, unpack(packed, name) * np.float32(2) ** exponents)
    assert stored_kinds(packed | {name + EXPONENTS: exponents}, architecture)[name + EXPONENTS] == Kind.of(
        np.int8, shape
    )


def test_integers_need_their_scales() -> None:
    architecture = Architecture("residual", 6, 10)
    packed = pack(random_weights(architecture), architecture)
    kinds = stored_kinds(packed, architecture)
    assert kinds == {name: Kind.of(array.dtype.type, array.shape) for name, array in packed.items()}
    assert kinds["predictors.0.place" + SCALE] == Kind.of(np.float32, (4,))
