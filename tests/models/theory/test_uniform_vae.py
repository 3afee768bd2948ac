"""The codec's training loss is the negative ELBO of a VAE with a uniform posterior, up to named constants."""

import math

import pytest
import torch

from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.torch_network import thaw
from lic.models.theory.uniform_vae import UniformVae
from lic.tools.training.objective import Moment
from lic.tools.training.rate_distortion import RateDistortion
from tests.conftest import Pixels


@pytest.fixture(scope="module")
def x(photo: Pixels) -> torch.Tensor:
    return torch.from_numpy(photo[:64, :96].copy()).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("point", [0, 1, 2])
def test_loss_and_elbo_agree(tiny_model: FrozenModel, x: torch.Tensor, point: int) -> None:
    network = thaw(tiny_model)
    vae = UniformVae(network, point)
    x = torch.cat([x, x.flip(3)])
    noise = torch.rand(2, network.architecture.m, 4, 6, generator=torch.Generator().manual_seed(0)) - 0.5
    # What `lic train --proxy noise --soft-rounding 0` trains on, by its own code.
    shares, shape = network.shares, network.architecture
    objective = RateDistortion(
        network.lambdas, shape.n, shape.m, proxy="noise", softness=0.0, second_look=tuple(shares.tolist())
    )
    points = torch.tensor([point, point])
    draws = (points, torch.tensor(network.lambdas)[points], shares[points], noise)
    loss, _ = objective.loss(network, x, draws, Moment(step=0, progress=0.0, final=False))

    assert torch.allclose(vae.training_loss(x, noise[None]).mean(), loss, rtol=1e-4)
    pixels, lambda_ = 64 * 96, network.lambdas[point]
    negative_elbo = math.log(2) * pixels * loss + vae.likelihood_constant(x)
    assert torch.allclose(-vae.elbo(x, noise[None]).mean(), negative_elbo, rtol=1e-5)
    # 1 / (2 sigma^2) corresponds to lambda: per squared error, in nats
    assert 1 / (2 * vae.variance) == pytest.approx(lambda_ * math.log(2) / 3)


def test_the_prior_is_the_latents_density_smoothed_by_the_posteriors_box(tiny_model: FrozenModel) -> None:
    network = thaw(tiny_model)
    vae = UniformVae(network, 1)
    gain = network.log_gain[1].exp()
    z = torch.full((1, network.architecture.m, 1, 1), 0.3)
    box = z + torch.linspace(-0.5, 0.5, 4001)  # the density of a y is pdf(v / a) / a
    per_latent = network.density.pdf(box / gain[:, None, None]) / gain[:, None, None]
    expected = torch.trapezoid(per_latent.double(), dx=1 / 4000).log().sum()
    assert vae.log_prior(z)[0] == pytest.approx(float(expected), rel=1e-4)


def test_the_posterior_has_width_one_and_no_entropy(tiny_model: FrozenModel, x: torch.Tensor) -> None:
    vae = UniformVae(thaw(tiny_model), 2)
    noise = torch.rand(8, 1, tiny_model.channels, 4, 6, generator=torch.Generator().manual_seed(1)) - 0.5
    by_parts = [vae.log_prior(vae.posterior_centre(x) + u) for u in noise]
    by_parts = [p + vae.log_likelihood(x, vae.posterior_centre(x) + u) for p, u in zip(by_parts, noise, strict=True)]
    assert vae.elbo(x, noise)[0] == pytest.approx(float(torch.stack(by_parts).mean()), rel=1e-6)
