"""Examining a VAE: its pictures have the right meaning."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from lic.models.theory.vae import Vae
from lic.tools.course.small_trainings import Bench
from lic.tools.course.vae_panels import between, read, reconstruct, sample_rows, traversals
from lic.tools.training.variational import Variational


@pytest.fixture(scope="module")
def vae(pictures: Path) -> Vae:
    return Bench((str(pictures),), (), steps=30, crop=32, batch=4).train(Variational(n=8, m=6))


@pytest.fixture(scope="module")
def x(pictures: Path) -> Tensor:
    return read(pictures / "photo.png")[:, :, :96, :144]


def test_the_same_seed_draws_the_same_samples(vae: Vae) -> None:
    first, again, other = (sample_rows(vae, 1, (16, 16), seed)[0][0] for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_interpolation_ends_at_the_reconstructions(vae: Vae, x: Tensor) -> None:
    row = between(vae, x, x.flip(3), 5)
    assert torch.allclose(row[0], vae.reconstruct(x)[0], atol=1e-5)
    assert torch.allclose(row[-1], vae.reconstruct(x.flip(3))[0], atol=1e-5)


def test_a_traversal_passes_through_the_reconstruction(vae: Vae, x: Tensor) -> None:
    (row,) = traversals(vae, x, channels=1, span=2.0)
    assert torch.allclose(row[3], vae.reconstruct(x)[0], atol=1e-5)
    steps = [float((a - row[3]).square().mean()) for a in row]
    assert steps[0] > steps[1] > steps[2] > 0 < steps[4] < steps[5] < steps[6]


def test_any_untrained_vae_can_be_looked_into() -> None:
    vae = Vae(n=8, m=4).requires_grad_(False)
    result = reconstruct(vae, torch.rand(1, 3, 16, 32), 3, torch.Generator().manual_seed(0))
    assert result.deviation.shape == (3, 16, 32) and (result.deviation >= 0).all()
