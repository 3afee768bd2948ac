"""A grown network begins as the older one."""

import pytest
import torch

from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.growth import CannotGrow, counterparts, grown_state
from lic.models.layers import Normalisation, Residual


def test_a_grown_network_has_the_symbols_bits_and_pictures_of_the_older_one() -> None:
    torch.manual_seed(0)
    older = RateDistortionAutoencoder(Architecture(n=4, m=6), (0.01, 0.04), shares=(0.0, 0.5))
    newer = RateDistortionAutoencoder(Architecture("residual", n=4, m=6), (0.01, 0.04), shares=(0.0, 0.5))
    newer.load_state_dict(newer.state_dict() | grown_state(older, newer.architecture))
    x, point = torch.rand(4, 3, 48, 32), torch.tensor([0, 1, 1, 0])
    before, after = older(x, point, "dead-zone"), newer(x, point, "dead-zone")
    assert torch.equal(before.reconstruction, after.reconstruction)
    assert torch.equal(before.bits, after.bits)
    assert before.bits.min() > 0


def test_a_grown_network_learns_by_its_new_layers() -> None:
    torch.manual_seed(0)
    older = RateDistortionAutoencoder(Architecture(n=16, m=20))
    newer = RateDistortionAutoencoder(Architecture("residual", n=16, m=20))
    newer.load_state_dict(newer.state_dict() | grown_state(older, newer.architecture))
    coded = newer(torch.rand(2, 3, 32, 32), torch.tensor([0, 0]), "straight-through")
    (coded.bits.sum() + coded.reconstruction.square().sum()).backward()
    state = newer.state_dict(keep_vars=True)
    new = [name for name in state if name.endswith("expand.weight")]
    assert len(new) == 9 + 5 + 3
    for name in new:
        gradient = state[name].grad
        assert gradient is not None and gradient.any(), name


def test_a_network_cannot_lose_layers_or_get_ones_that_change_it() -> None:
    grown = Architecture("residual", n=4, m=6)
    for older, newer in ((grown, Architecture(n=4, m=6)), (Architecture(n=4, m=6), Architecture(n=4, m=8))):
        with pytest.raises(CannotGrow):
            grown_state(RateDistortionAutoencoder(older), newer)
    with pytest.raises(CannotGrow, match="no layer Normalisation"):
        counterparts((Residual(4, 2),), (Normalisation(4), Residual(4, 2)))


def test_a_network_is_its_own_counterpart() -> None:
    layers = Architecture("residual").analysis
    assert counterparts(layers, layers) == [*range(len(layers))]
