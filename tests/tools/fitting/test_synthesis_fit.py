"""A synthesis learns what the encoder's levels stand for, which stay."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.engine import engine_of
from lic.codec.transform.torch_network import thaw
from lic.tools.fitting.latents import latent_chunks
from lic.tools.fitting.preview_fit import add_preview
from lic.tools.fitting.synthesis_fit import Training, code, fit_synthesis
from lic.tools.usage import BadOptions
from tests.conftest import Pixels


@pytest.fixture
def crops(photo: Pixels) -> torch.Tensor:
    return torch.from_numpy(np.stack([photo[:128, i : i + 128] for i in (0, 60, 120)])).permute(0, 3, 1, 2)


def test_pictures_come_nearer_at_all_lambda_points(tiny_model: FrozenModel, crops: torch.Tensor) -> None:
    training = Training(thaw(tiny_model).synthesis, "mse", crops, code(tiny_model, crops), first_looks=None)
    assert {coded.point for coded in training.coded} == set(range(len(tiny_model.lambdas)))
    every = torch.arange(len(training.coded))
    with torch.no_grad():
        before = training.distortions(every)
    training.run(steps=300)
    with torch.no_grad():
        assert (training.distortions(every) < before).all()


def test_what_a_second_look_sees_is_held(tiny_model: FrozenModel, crops: torch.Tensor) -> None:
    network, coded = thaw(tiny_model), code(tiny_model, crops)
    first_looks = torch.from_numpy(latent_chunks(network, crops))

    def change(held: bool) -> float:
        training = Training(copy.deepcopy(network.synthesis), "mse", crops, coded, first_looks if held else None)
        training.run(steps=100)
        training.first_looks = first_looks
        with torch.no_grad():
            return float(training.changes(torch.arange(len(crops))).mean())

    assert change(held=True) < 0.5 * change(held=False)


def test_levels_stay_and_another_synthesis_is_stored(
    tiny_model: FrozenModel, crops: torch.Tensor, photo: Pixels
) -> None:
    model = fit_synthesis(tiny_model, crops, steps=2)
    chosen = [np.concatenate([*engine_of(m).encode(photo[:64, :64], m.at(0))]) for m in (tiny_model, model)]
    assert np.array_equal(*chosen)
    changed = {
        name
        for name in model.architecture.tensors
        if not np.array_equal(*(m.weight(name) for m in (tiny_model, model)))
    }
    assert changed and all(name.startswith("synthesis.") for name in changed)


def test_what_follows_from_a_synthesis_comes_later(tiny_model: FrozenModel, crops: torch.Tensor) -> None:
    with pytest.raises(BadOptions, match="train the synthesis before"):
        fit_synthesis(add_preview(tiny_model, crops, steps=1), crops, steps=1)


def test_pictures_may_be_too_small_for_a_distortion(tiny_model: FrozenModel, crops: torch.Tensor) -> None:
    similar = dataclasses.replace(tiny_model, card=tiny_model.card | {"distortion": "ms-ssim"})
    with pytest.raises(BadOptions, match="176 pixels or more"):
        fit_synthesis(similar, crops, steps=1)
