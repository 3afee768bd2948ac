"""Dependent quantisation is added to a model: its tables follow the numbers that the encoder chooses."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from lic import decode, encode
from lic.codec.entropy.contexts import WEIGHT_BITS, earlier_size
from lic.codec.entropy.library import Contexts
from lic.codec.entropy.quantisers import TRELLIS
from lic.codec.entropy.tables import KNOT_ARRAY, MAX_STEP, STEP_BITS, TOTAL, frequency_tables, integer_heights
from lic.codec.file.container import POSITIONS
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.torch_network import freeze
from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.constants import FEATURES, PHASES
from lic.models.pca import pca_start
from lic.tools.cli import main
from lic.tools.fitting.library_fit import OCTAVES, bucket_thresholds
from lic.tools.fitting.rounding import round_model
from lic.tools.fitting.trellis_fit import BINS, STEP, add_trellis, bins, fitted, latents_of, symbols_of, with_states
from lic.tools.usage import BadOptions
from tests.conftest import Pixels

SIDE = 64


@pytest.fixture(scope="module")
def crops(photo: Pixels) -> torch.Tensor:
    places = [(y, x) for y in (0, SIDE) for x in (0, 80, 160)]
    parts = [photo[y : y + SIDE, x : x + SIDE] for y, x in places]
    return torch.from_numpy(np.stack(parts)).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def uniform(crops: torch.Tensor) -> FrozenModel:
    """A model with contexts, rounded symbols and two lambda points, of which the second has a second look."""
    torch.manual_seed(0)
    architecture, lambdas = Architecture("residual", 8, 12), (0.002, 0.05)
    network = RateDistortionAutoencoder(architecture, lambdas, shares=(0, 0.5))
    pca_start(network, crops.float() / 255)
    return dataclasses.replace(
        freeze(network, {"name": "uniform"}), entropy=plain_contexts(len(lambdas), architecture.m)
    )


def plain_contexts(points: int, channels: int) -> Contexts:
    """Neighbours and earlier channels tell the magnitude, and tables are those of Laplacians."""
    thresholds = bucket_thresholds(per_octave=1)
    means = 2.0 ** np.arange(OCTAVES[0] - 0.5, OCTAVES[1])
    heights = integer_heights(np.exp(-np.abs(KNOT_ARRAY) / 12)[None].repeat(len(means), axis=0))
    shares = np.zeros(FEATURES)
    shares[[0, 1, 7, 8]] = 0.05, 0.2, 0.15, 0.05
    size = points, channels, PHASES
    return Contexts(
        weights=np.broadcast_to(np.round(shares * 2**WEIGHT_BITS).astype(np.int64), (*size, FEATURES)),
        thresholds=thresholds,
        index=np.broadcast_to(np.arange(len(means), dtype=np.uint8), (*size, len(means))),
        heights=heights,
        steps=np.minimum(MAX_STEP, np.round(12 * 2**STEP_BITS / means).astype(np.int64)),
        earlier=np.zeros((points, earlier_size(channels)), np.int8),
        scales=np.ones(size, np.uint8),
    )


@pytest.fixture(scope="module")
def dependent(uniform: FrozenModel, crops: torch.Tensor) -> FrozenModel:
    return add_trellis(uniform, crops[:-1])


@pytest.mark.parametrize(("zeros", "ratio"), [(0.99, 0.3), (0.5, 0.7), (0.9, 0.95), (0.01, 0.99)])
def test_tables_have_the_frequencies_that_were_counted(zeros: float, ratio: float) -> None:
    """From tables that are nearly sure of 0 to those that spread over hundreds of numbers."""
    numbers = np.arange(512)
    share = np.append(zeros, (1 - zeros) * (1 - ratio) * ratio ** numbers[:-1])
    counts = np.bincount(bins(numbers), weights=share, minlength=len(BINS))[None]
    tables = frequency_tables(integer_heights(fitted(counts)), np.array([STEP << STEP_BITS]), KNOT_ARRAY)
    frequencies, zero = tables.row(0), -int(tables.first[0])
    negative, positive = frequencies[:zero][::-1], frequencies[zero + 1 : 2 * zero + 1]
    assert np.abs(negative - positive).max() <= 1
    of_magnitude = np.append(frequencies[zero], negative + positive) / TOTAL
    assert share[:4] == pytest.approx(of_magnitude[:4], rel=0.01, abs=1e-5)
    share, of_magnitude = (found[: min(len(share), len(of_magnitude))] for found in (share, of_magnitude))
    assert (share * np.log2(share / of_magnitude)).sum() < 1e-3


def test_what_the_encoder_chooses_costs_fewer_bits_than_under_the_tables_before(
    uniform: FrozenModel, dependent: FrozenModel, crops: torch.Tensor
) -> None:
    before = with_states(uniform)
    latents = latents_of(dependent, crops[-1])  # of a picture that they were not fitted to
    for k, levels in enumerate(symbols_of(dependent, latents)):
        assert levels.any()
        now, then = (model.at(k * POSITIONS).coder.bits(levels).sum() for model in (dependent, before))
        assert now < 0.99 * then


def test_the_model_is_like_the_one_before_but_for_states_steps_and_tables(
    uniform: FrozenModel, dependent: FrozenModel
) -> None:
    contexts, old = dependent.entropy, uniform.entropy
    assert isinstance(contexts, Contexts) and isinstance(old, Contexts)
    np.testing.assert_array_equal(contexts.states, TRELLIS)
    assert len(contexts.heights) == len(contexts.steps) == 2 * len(old.heights)
    assert contexts.index is old.index and contexts.weights is old.weights
    contexts.check(dependent.steps)
    assert (dependent.steps < 0.9 * uniform.steps).all()
    np.testing.assert_array_equal(dependent.restore, uniform.restore)


def test_a_model_file_gets_it(
    uniform: FrozenModel, pictures: Path, photo: Pixels, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = tmp_path / "before.safetensors", tmp_path / "after.safetensors"
    before.write_bytes(uniform.to_bytes())
    command = ["export", str(before), "--add", "trellis", "-o", str(after)]
    assert main(command) == 2
    assert "--data" in capsys.readouterr().err
    assert main([*command, "--data", str(pictures)]) == 0
    assert find_model(after).load().quantiser == "trellis"
    assert find_model(after).fingerprint != uniform.fingerprint
    old, new = (decode(encode(photo, model=str(path)), model=str(path)) for path in (before, after))
    old_error, new_error = (np.square(np.asarray(p, float) - photo).mean() for p in (old, new))
    assert new_error < 1.2 * old_error


def test_models_without_contexts_or_with_states_are_refused(
    tiny_model: FrozenModel, dependent: FrozenModel, crops: torch.Tensor
) -> None:
    with pytest.raises(BadOptions, match="no contexts"):
        add_trellis(tiny_model, crops)
    with pytest.raises(BadOptions, match="already"):
        add_trellis(dependent, crops)


def test_numbers_are_not_rounded_afterwards(dependent: FrozenModel, crops: torch.Tensor) -> None:
    with pytest.raises(BadOptions, match="before"):
        round_model(dependent, crops)
