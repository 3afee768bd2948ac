"""A quick look is fitted without training: it comes near the second look, and is used where that pays."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import ONE_LOOK, Look
from lic.codec.transform.engine import engine_of
from lic.tools.fitting import quick_look_fit
from lic.tools.fitting.quick_look_fit import add_quick_look
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


def test_it_is_used_where_what_takes_longer_gains_little(
    tiny_model: FrozenModel, crops: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = {gain: [] for gain in (0.0, 0.5)}  # type: dict[float, list[float]]
    for gain in shares:
        monkeypatch.setattr(quick_look_fit, "LEAST_GAIN", gain)
        shares[gain] = add_quick_look(tiny_model, crops).quick_looks  # type: ignore[assignment]
    assert not any(shares[0.5])
    assert any(shares[0.0])
