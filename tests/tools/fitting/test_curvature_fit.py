"""What errors of symbols cost is found from slopes, where they are known and where few symbols are met."""

import dataclasses

import numpy as np
import pytest
import torch

from lic import decode, encode
from lic.codec.model.catalogue import find_model
from lic.codec.model.curvature import ACTIVITIES, groups
from lic.codec.model.frozen import FrozenModel
from lic.codec.picture.fidelity import mean_squared_error
from lic.codec.transform.engine import engine_of
from lic.tools.fitting.curvature_fit import LEAST, MOST, START, add_curvature, moments, regress
from lic.tools.usage import BadOptions
from tests.conftest import Pixels


@pytest.fixture
def crops(photo: Pixels) -> torch.Tensor:
    return torch.from_numpy(np.stack([photo[:192, :96], photo[:192, 96:192]])).permute(0, 3, 1, 2)


def test_known_numbers_are_found_again() -> None:
    """A parabola of curvature 7 in the first group, 13 in the second one, about points 1.3 times as far as latents."""
    random = np.random.default_rng(0)
    sums = np.zeros((3, ACTIVITIES, 2, 3))
    u = random.uniform(LEAST, MOST, 100_000)
    k = np.rint(u + random.uniform(-0.3, 0.3, len(u)))
    for group, curvature in enumerate((7, 13)):
        half = curvature * (1.3 * u - k) + random.normal(0, 2, len(u))
        left = np.stack([u, -k])
        sums[group, 4] = left @ np.stack([u, -k, half], axis=1)
    found = regress(sums)
    np.testing.assert_allclose(found[:2, 4], [(7, 1.3), (13, 1.3)], rtol=0.02)
    # Where no symbols were met, other groups of the same activity say what is likely; where none has any, nobody does.
    assert 8 < found[2, 4, 0] < 12
    np.testing.assert_allclose(found[:, 9], [START] * 3)


def test_slopes_are_sorted_by_group_and_activity(photo: Pixels, tiny_model: FrozenModel) -> None:
    point, engine = tiny_model.at(256), engine_of(tiny_model)
    latents = engine.analyse(photo, point.look(0))
    sums = moments(engine, photo, latents, point)
    assert sums.shape == (groups(12), ACTIVITIES, 2, 3)
    u = point.scale(latents)
    near = (np.abs(u) > LEAST) & (np.abs(u) < MOST)
    assert sums[..., 0, 0].sum() == pytest.approx(np.square(u[near]).sum(), rel=1e-3)
    assert sums[1, ..., 0, 0].sum() == pytest.approx(np.square(u[8:][near[8:]]).sum(), rel=1e-3)


def test_a_model_with_them_lowers_the_loss(
    photo: Pixels, tiny_model: FrozenModel, crops: torch.Tensor, tmp_path
) -> None:
    model = add_curvature(tiny_model, crops)
    assert model.fingerprint == tiny_model.fingerprint  # its files are decoded by the same models
    path = tmp_path / "chooses.safetensors"
    path.write_bytes(model.to_bytes())
    again = find_model(path).load()
    np.testing.assert_array_equal(again.curvature, model.curvature.astype(np.float32))
    assert again.to_bytes() == model.to_bytes()
    losses = []
    for name in ("tiny", path):
        data = encode(photo, quality=50, model=name, lossless=False)
        error = mean_squared_error(photo, np.array(decode(data)))
        losses.append(8 * len(data) + tiny_model.at(256).lambda_ * error * photo[..., 0].size)
    assert losses[1] < losses[0]


def test_numbers_lie_between_those_of_lambda_points(tiny_model: FrozenModel, crops: torch.Tensor) -> None:
    model = add_curvature(tiny_model, crops)
    left, between, right = (model.at(position).curvature for position in (0, 64, 256))
    assert left is not None and between is not None and right is not None
    np.testing.assert_allclose(between.bits, left.bits + (right.bits - left.bits) / 4, rtol=1e-5)


def test_models_for_ms_ssim_have_none(tiny_model: FrozenModel, crops: torch.Tensor) -> None:
    other = dataclasses.replace(tiny_model, card=tiny_model.card | {"distortion": "ms-ssim"})
    with pytest.raises(BadOptions, match="squared error"):
        add_curvature(other, crops)
