"""The KL to the prior bounds the information in a noisy channel."""

import math
from itertools import pairwise

import pytest
import torch

from lic.models.theory.gaussian import DiagonalGaussian, kl, kl_normal, standard_normal
from lic.models.theory.noisy_channel import (
    fix_trade_off,
    gaussian_information,
    information_estimate,
    noise_variance,
    rate_and_distortion,
)
from lic.models.theory.vae import Vae, negative_elbo


def linear_channel(count: int) -> tuple[torch.Tensor, DiagonalGaussian, torch.Tensor]:
    """I(x, z) in closed form for x ~ N(0, C), z = A x + noise; q(z|x) for drawn x; and drawn z."""
    generator = torch.Generator().manual_seed(0)
    covariance = torch.tensor([[1.0, 0.5, 0.0], [0.5, 2.0, 0.3], [0.0, 0.3, 0.5]]).double()
    channel = torch.tensor([[0.8, 0.1, 0.0], [0.2, -0.9, 0.7]]).double()
    noise_variance = torch.tensor([0.3, 0.6]).double()
    x = torch.randn(count, 3, generator=generator).double() @ torch.linalg.cholesky(covariance).T
    mean = x @ channel.T
    q = DiagonalGaussian(mean, noise_variance.log().expand_as(mean))
    z = q.sample(torch.randn(count, 2, generator=generator).double())
    return gaussian_information(covariance, channel, noise_variance), q, z


def test_the_estimate_finds_the_known_information() -> None:
    known, q, z = linear_channel(3000)
    assert information_estimate(q, z) == pytest.approx(float(known), abs=0.05)


def test_the_kl_bounds_it_by_exactly_the_distance_of_the_aggregate_from_the_prior() -> None:
    known, q, z = linear_channel(200_000)
    bound = kl(q, standard_normal(q.mean)).sum(1).mean()
    assert bound > known + 0.01
    aggregate = torch.cov(z.T)
    zero = torch.zeros(2).double()
    slack = kl_normal(zero, aggregate, zero, torch.eye(2).double())
    assert bound == pytest.approx(float(known + slack), abs=0.01)


def test_without_noise_a_real_number_carries_any_number_of_bits() -> None:
    """In the end each halving of the noise adds a bit per dimension: a deterministic encoder has no finite rate."""
    covariance, channel = torch.eye(2).double(), torch.tensor([[1.0, 0.5], [0.0, 1.0]]).double()
    deviations = [2.0**-k for k in range(12)]
    bits = [
        float(gaussian_information(covariance, channel, torch.full((2,), deviation**2).double())) / math.log(2)
        for deviation in deviations
    ]
    gains = [after - before for before, after in pairwise(bits)]
    assert gains == sorted(gains) and gains[-1] == pytest.approx(2, abs=1e-4)


def test_the_estimate_cannot_exceed_what_its_samples_can_tell_apart() -> None:
    mean = torch.arange(8.0)[:, None] * 100  # eight perfectly distinguishable inputs
    q = DiagonalGaussian(mean, torch.zeros_like(mean))
    assert information_estimate(q, q.sample()) == pytest.approx(math.log(8))


def test_rate_and_distortion_are_those_of_the_table() -> None:
    torch.manual_seed(0)
    x = torch.rand(3, 3, 16, 32)
    explained = Vae(n=8, m=4)(x)
    bits, mse = rate_and_distortion(explained, x)
    assert torch.allclose(bits * 512 * math.log(2), explained.kl.sum(1))
    assert torch.allclose(mse, ((explained.reconstruction - x) * 255).square().mean((1, 2, 3)))


def test_its_loss_is_a_vaes_with_given_noise() -> None:
    torch.manual_seed(0)
    x, lambda_ = torch.rand(3, 3, 16, 32), 0.02
    vae = Vae(n=8, m=4)
    fix_trade_off(vae, lambda_)
    explained = vae(x)
    bits, mse = rate_and_distortion(explained, x)
    constant = 3 / 2 * math.log2(2 * math.pi * noise_variance(lambda_) / 255**2)  # per pixel
    loss = negative_elbo(explained) / (512 * math.log(2)) - constant
    assert torch.allclose(loss, (bits + lambda_ * mse).mean(), rtol=1e-4)
    negative_elbo(vae(x)).backward()
    assert vae.log_scale.grad is None
