"""The VAE on the codec's layers."""

import math

import pytest
import torch

from lic.models.architecture import Architecture
from lic.models.pca import pca_start
from lic.models.theory.elbo import elbo
from lic.models.theory.gaussian import kl, standard_normal
from lic.models.theory.likelihood import Noise, log_density
from lic.models.theory.vae import (
    Explained,
    Vae,
    active_units,
    bits_per_dimension,
    negative_elbo,
    probabilistic_pca_start,
)
from tests.conftest import Pixels


@pytest.fixture(scope="module")
def crops(photo: Pixels) -> torch.Tensor:
    x = torch.from_numpy(photo[:192, :256]).permute(2, 0, 1).float() / 255
    return x.unfold(1, 32, 32).unfold(2, 32, 32).permute(1, 2, 0, 3, 4).flatten(0, 1)


@pytest.fixture(scope="module")
def started(crops: torch.Tensor) -> Vae:
    torch.manual_seed(0)
    vae = Vae(n=24, m=16)
    probabilistic_pca_start(vae, crops)
    return vae.requires_grad_(False)


@pytest.mark.parametrize("size", [(16, 16), (32, 80), (48, 16)])
def test_any_multiple_of_16_goes_through(size: tuple[int, int]) -> None:
    vae, x = Vae(n=8, m=4), torch.rand(2, 3, *size)
    assert vae(x).reconstruction.shape == x.shape
    assert vae.sample(2, *size).shape == x.shape
    assert vae.uncertainty(x, 2).shape == x.shape


@pytest.mark.parametrize("noise", ["gaussian", "laplace"])
def test_its_bound_is_the_elbo(noise: Noise, crops: torch.Tensor) -> None:
    """The mean over samples of likelihood minus closed-form KL is that of log-joint minus log q."""
    torch.manual_seed(0)
    vae, x = Vae(n=8, m=4, noise=noise).requires_grad_(False), crops[:1]
    q = vae.encode(x)
    z = q.sample(torch.randn(2000, *q.mean.shape[1:]))
    likelihood = log_density(noise, x, vae.decode(z), vae.log_scale[:, None, None]).sum((1, 2, 3))
    draws = [likelihood - kl(q, standard_normal(q.mean)).sum()]
    prior = standard_normal(z).log_density(z).sum((1, 2, 3))
    draws.append(elbo(prior[None], likelihood[None], q.log_density(z).sum((1, 2, 3))[None]))
    means, errors = [d.mean() for d in draws], [d.std() / len(d) ** 0.5 for d in draws]
    assert abs(means[0] - means[1]) < 4 * sum(errors)
    one = vae(x, torch.zeros_like(q.mean))
    expected = log_density(noise, x, vae.reconstruct(x), vae.log_scale[:, None, None]).sum()
    assert negative_elbo(one) == pytest.approx(float(kl(q, standard_normal(q.mean)).sum() - expected))


def test_gradients_reach_encoder_decoder_and_scale() -> None:
    vae = Vae(n=8, m=4)
    negative_elbo(vae(torch.rand(2, 3, 16, 16))).backward()
    for name, parameter in vae.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_a_start_from_probabilistic_pca_explains_pictures(started: Vae, crops: torch.Tensor) -> None:
    torch.manual_seed(0)
    random = bits_per_dimension(Vae(n=24, m=16), crops).mean()
    bits = bits_per_dimension(started, crops).mean()
    assert bits < 6.5 < random
    error = (started.reconstruct(crops) - crops).square().mean()
    assert error < 0.25 * crops.var()
    # The latents come out standardised: variance of the mean plus posterior variance is one.
    q = started.encode(crops)
    total = q.mean.transpose(0, 1).flatten(1).var(1) + q.log_variance.exp().mean((0, 2, 3))
    assert torch.allclose(total, torch.ones(16), atol=0.25)


def test_the_start_is_the_codecs_own(started: Vae, crops: torch.Tensor) -> None:
    """Its first layers are those that PCA gives to a rate-distortion autoencoder."""
    from lic.models.autoencoder import RateDistortionAutoencoder

    torch.manual_seed(0)
    codec = RateDistortionAutoencoder(Architecture(n=24, m=16))
    pca_start(codec, crops)
    assert torch.allclose(codec.analysis[0].weight, started.analysis[0].weight, atol=0.02)


def test_channels_below_the_noise_start_collapsed(started: Vae, crops: torch.Tensor) -> None:
    noisy = Vae(n=24, m=16)
    noisy.load_state_dict(started.state_dict())
    active = active_units(started.encode(crops).mean)
    assert int(active.sum()) > 0
    q = noisy.encode(crops)
    per_channel = kl(q, standard_normal(q.mean)).mean((0, 2, 3))
    assert per_channel[active].min() > per_channel[~active].max() if (~active).any() else True
    collapsed = torch.randn(50, 3, 2, 2) * torch.tensor([1.0, 1e-3, 0.5])[:, None, None]
    assert active_units(collapsed).tolist() == [True, False, True]


def test_free_bits_and_warm_up_take_the_price_off_the_kl() -> None:
    divergence = torch.tensor([[0.1, 5.0], [0.3, 7.0]], requires_grad=True)
    explained = Explained(torch.zeros(2), torch.tensor([-10.0, -20.0]), divergence, torch.zeros(2))
    assert negative_elbo(explained).item() == pytest.approx(15 + 0.2 + 6)
    assert negative_elbo(explained, beta=0).item() == pytest.approx(15)
    free = negative_elbo(explained, free_nats=1.0)
    assert free.item() == pytest.approx(15 + 1 + 6)
    free.backward()
    assert divergence.grad is not None
    assert divergence.grad[:, 0].tolist() == [0, 0]  # below the free nats there is no gradient towards the prior
    assert divergence.grad[:, 1].tolist() == [0.5, 0.5]


def test_map_does_not_sample_and_uncertainty_follows_the_posterior(started: Vae, crops: torch.Tensor) -> None:
    x = crops[:2]
    assert torch.equal(started.reconstruct(x), started.reconstruct(x))
    wide, narrow = Vae(n=24, m=16), Vae(n=24, m=16)
    for vae, shift in ((wide, 1.0), (narrow, -1.0)):
        vae.load_state_dict(started.state_dict())
        with torch.no_grad():
            vae.analysis[-1].bias[16:] += shift
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    more = wide.uncertainty(x, 8, generators[0]).mean()
    assert more > 1.5 * narrow.uncertainty(x, 8, generators[1]).mean() > 0


def test_pure_noise_cannot_be_coded_below_eight_bits() -> None:
    vae = Vae(n=8, m=4)
    with torch.no_grad():
        vae.log_scale.fill_(math.log(12**-0.5))
    x = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0)) / 255
    bits = bits_per_dimension(vae, x)
    assert (bits > 8).all() and (bits < 9).all()
