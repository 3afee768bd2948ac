"""Expected latents: which latents depend on which, and what is transmitted of them."""

import pytest
import torch

from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.constants import PHASES
from lic.models.expectation import phases

POINT = torch.tensor([1])


@pytest.fixture
def network() -> RateDistortionAutoencoder:
    """One that expects something."""
    torch.manual_seed(0)
    network = RateDistortionAutoencoder(Architecture("residual", 6, 10), (0.01, 0.1))
    with torch.no_grad():
        for predictor in network.predictors:
            for parameter in (predictor.expand.weight, predictor.expand.bias, predictor.place):
                parameter.normal_()
        network.trust.uniform_()
    return network


def test_each_phase_has_a_quarter_of_every_channel_and_of_every_position() -> None:
    phase = phases(torch.zeros(1, 8, 6, 4))
    for k in range(PHASES):
        assert ((phase == k).sum(dim=(1, 2)) == 6).all()
        assert ((phase == k).sum(dim=0) == 2).all()


def test_a_symbol_changes_its_own_latent_and_others_of_later_phases_only(network: RateDistortionAutoencoder) -> None:
    symbols = torch.randn(1, 10, 6, 8).round()
    phase = phases(symbols)
    before = network.restore(symbols, POINT)[0]
    for where in ((0, 2, 2), (0, 2, 3), (1, 3, 3), (9, 5, 7)):
        changed = symbols.clone()
        changed[(0, *where)] += 1
        moved = network.restore(changed, POINT)[0] != before
        assert moved[where]
        moved[where] = False
        assert (phase[moved] > phase[where]).all()
        assert moved.any() == (phase[where] < PHASES - 1)


def test_the_same_symbols_are_restored_as_were_transmitted(network: RateDistortionAutoencoder) -> None:
    y = torch.randn(1, 10, 6, 8)
    scaled, restored = network.code(y, POINT, "round")
    torch.testing.assert_close(network.restore(torch.floor(scaled + 0.5), POINT), restored)
    step = (-network.log_gain[1]).exp()[:, None, None]
    assert ((y - restored).abs() <= step / 2 + 1e-6).all()  # inverse gains are steps here: nothing else is lost


def test_expecting_what_comes_saves_bits(network: RateDistortionAutoencoder) -> None:
    """A channel that repeats another one of an earlier phase costs next to nothing, if that is known."""
    with torch.no_grad():
        for predictor in network.predictors:
            for parameter in predictor.parameters():
                parameter.zero_()
            predictor.reduce.weight[0, 1], predictor.reduce.weight[1, 1] = 1, -1
            predictor.mix.weight[0, 0, 1, 1] = predictor.mix.weight[1, 1, 1, 1] = 1
            predictor.expand.weight[0, 0], predictor.expand.weight[0, 1] = 1, -1
        network.trust.fill_(1)
    y = torch.randn(1, 10, 6, 8)
    y[:, 0] = y[:, 1]
    scaled = network.code(y, POINT, "round")[0][0]
    later = phases(y)[0] > phases(y)[1]
    assert (scaled[0][later].abs() <= 0.51).all()
    assert (scaled[0][~later].abs() > 0.51).any()


def test_bits_are_those_of_what_was_not_expected(network: RateDistortionAutoencoder) -> None:
    y = torch.randn(2, 10, 4, 4)
    point = torch.tensor([0, 1])
    scaled, restored = network.code(y, point, "dead-zone")
    latents, bits = network.transmit(y, point, "dead-zone", None)
    symbols = torch.where(scaled.abs() < 0.55, 0.0, torch.floor(scaled + 0.5))
    gain = network.log_gain[point].exp()[:, :, None, None]
    torch.testing.assert_close(latents, restored)
    torch.testing.assert_close(bits, network.bits(symbols, gain).sum(dim=(1, 2, 3)))


def test_gradients_reach_predictors_and_trust(network: RateDistortionAutoencoder) -> None:
    coded = network(torch.rand(1, 3, 64, 64), POINT, "straight-through")
    (coded.bits.sum() + coded.reconstruction.square().sum()).backward()
    for name, parameter in network.named_parameters():
        if name.startswith(("predictors.", "trust")):
            assert parameter.grad is not None and parameter.grad.any(), name
