"""A quick look is fitted without training: it comes near the second look, and is used where that pays."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import ONE_LOOK, Look
from lic.codec.transform.engine import engine_of
from lic.tools.fitting.quick_look_fit import add_quick_look, choose_share
from tests.conftest import Pixels


@pytest.fixture
def crops(photo: Pixels) -> Tensor:
    return torch.from_numpy(np.stack([photo[:128, i : i + 128] for i in (0, 60, 120)])).permute(0, 3, 1, 2)


def test_latents_come_near_those_of_a_second_look(tiny_model: FrozenModel, crops: Tensor, photo: Pixels) -> None:
    model = add_quick_look(tiny_model, crops)
    assert model.fingerprint == tiny_model.fingerprint
    first, quick, second = (
        engine_of(model).analyse(photo[:128, 60:188], look) for look in (ONE_LOOK, Look(1, quick=True), Look(1))
    )
    assert np.square(quick - second).sum() < 0.2 * np.square(first - second).sum()


@pytest.mark.parametrize(
    ("second", "second_share", "share"),
    [(9.05, 0.8, 0.6), (8.9, 0.8, 0), (8.9, 0, 0.6)],
    ids=["little is gained by a second look", "much is gained by it", "there is none"],
)
def test_it_is_used_where_what_takes_longer_gains_little(second: float, second_share: float, share: float) -> None:
    assert choose_share(np.array([10, 9.5, 9.2, 9.1, 9.3, 9.6, second]), second_share) == share
    assert choose_share(np.array([9.15, 9.3, 9.2, 9.1, 9.3, 9.6, np.inf]), 0) == 0  # it gains little itself
