"""Weights and contexts in few bits: errors are compensated, steps follow the allowed loss."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic import encode
from lic.codec.entropy.library import Contexts
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.network_weights import EXPONENTS, unpack
from lic.models.transforms import SubPixelConv, depth_to_space
from lic.tools.cli import main
from lic.tools.fitting.context_rounding import leading_bits, round_contexts
from lic.tools.fitting.rounding import (
    Seen,
    autocorrelation,
    coarse,
    covariance,
    inverse_root,
    round_model,
    round_weights,
    rounded,
)
from lic.tools.usage import BadOptions
from tests.codec.transform.random_models import random_model
from tests.conftest import Pixels

GOLDEN = Path(__file__).parents[3] / "conformance"


@pytest.fixture
def crops(photo: Pixels) -> Tensor:
    picture = torch.from_numpy(photo).permute(2, 0, 1)
    return torch.stack([picture[:, y : y + 64, x : x + 64] for y in (0, 64, 128) for x in (0, 64, 128)])


def loss_of(found: Tensor, weights: Tensor, seen: Seen) -> float:
    d = (found - weights).reshape(len(weights), -1)
    return float(((d @ seen.inputs) * d).sum(dim=1) @ seen.outputs)


def test_the_loss_is_that_of_the_steps_and_below_that_of_rounding_one_by_one() -> None:
    """Neighbouring inputs are alike, and of very different size; so are the sensitivities of outputs."""
    torch.manual_seed(0)
    x = torch.randn(4000, 36, dtype=torch.float64).cumsum(dim=1) * torch.logspace(-1, 1, 36)
    weights, unit = torch.randn(20, 4, 3, 3, dtype=torch.float64), 0.1
    seen = Seen(x.T @ x / 4000, torch.logspace(-2, 2, 20, dtype=torch.float64))
    stored = rounded("w", weights, seen, unit)
    found = torch.from_numpy(unpack(stored, "w")).double()
    assert loss_of(found, weights, seen) == pytest.approx(weights.numel() * unit**2 / 12, rel=0.2)
    steps = torch.from_numpy(unpack(stored | {"w": np.ones_like(stored["w"])}, "w")).double()
    one_by_one = torch.round(weights / steps) * steps
    assert loss_of(one_by_one, weights, seen) > 2 * loss_of(found, weights, seen)


def test_the_root_of_an_inverse() -> None:
    torch.manual_seed(1)
    h = torch.cov(torch.randn(7, 50, dtype=torch.float64))
    root = inverse_root(h)
    torch.testing.assert_close(root.T @ root, torch.linalg.inv(h))
    assert not root.tril(-1).any()


@pytest.mark.parametrize("k", [1, 3, 5])
def test_covariances_within_a_kernel_follow_from_those_of_shifts(k: int) -> None:
    """Those of all positions of a kernel over a picture with zeros around."""
    torch.manual_seed(2)
    x = torch.randn(3, 6, 7)
    patches = F.unfold(x[None], k, padding=k - 1)[0].double()
    expected = patches @ patches.T / (6 * 7)
    torch.testing.assert_close(covariance(autocorrelation(x, k)), expected, rtol=1e-5, atol=1e-6)


def test_gradients_behind_sub_pixels_are_put_back() -> None:
    x = torch.arange(2 * 12 * 3 * 4.0).reshape(2, 12, 3, 4)
    torch.testing.assert_close(coarse(depth_to_space(x, 2), SubPixelConv(1, 3, 3, 2)), x)
    assert coarse(x, nn.Conv2d(1, 12, 1)) is x


@pytest.mark.parametrize("kind", ["balle2017", "residual"])
def test_smaller_losses_are_finer(kind: str, crops: Tensor) -> None:
    model = random_model(kind)
    away = []
    for loss in (1e-2, 1e-4, 1e-6):
        found = round_weights(model, crops, loss)
        convolutions = [name for name in model.architecture.tensors if name + EXPONENTS in found.stored_weights]
        parts = {name.split(".")[0] for name in convolutions}
        assert parts == {"analysis", "synthesis"} | ({"predictors"} if kind == "residual" else set())
        away.append(sum(float(np.abs(found.weight(name) - model.weight(name)).sum()) for name in convolutions))
    assert away[0] > away[1] > away[2]


def test_contexts_in_few_bits_cost_little(crops: Tensor) -> None:
    model = find_model(GOLDEN / "golden-contexts.safetensors").load()
    found = round_contexts(model, crops, 0.01)
    assert isinstance(model.entropy, Contexts) and isinstance(found.entropy, Contexts)
    assert (found.entropy.earlier != model.entropy.earlier).any()
    assert len(np.unique(found.entropy.earlier)) <= len(np.unique(model.entropy.earlier))
    symbols = np.random.default_rng(0).integers(-3, 4, (model.channels, 8, 8)).astype(np.int32)
    before, after = (float(each.at(256).coder.bits(symbols).sum()) for each in (model, found))
    assert after == pytest.approx(before, rel=0.05)


def test_only_leading_bits_are_kept() -> None:
    assert leading_bits(np.array([0, 1, -63, 64, -65, 127, 2**20 + 1])).tolist() == [0, 1, -63, 64, -64, 128, 2**20]


def test_export_rounds_a_model(
    tiny_model: FrozenModel, tiny_model_path: Path, photo: Pixels, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "small.safetensors"
    command = ["export", str(tiny_model_path), "--add", "rounding", "--data", str(pictures), "-o", str(out)]
    assert main(command) == 0
    found = find_model(out)
    assert found.fingerprint != tiny_model.fingerprint
    before, after = (len(encode(photo, model=str(path), lossless=False)) for path in (tiny_model_path, out))
    assert after == pytest.approx(before, rel=0.02)


def test_models_for_other_measures_are_not_rounded(crops: Tensor) -> None:
    model = random_model("residual")
    model = replace(model, card=model.card | {"distortion": "ms-ssim"})
    with pytest.raises(BadOptions, match="squared error"):
        round_model(model, crops)
