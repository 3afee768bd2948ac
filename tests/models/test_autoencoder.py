import pytest
import torch

from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder, optimal_step
from lic.models.pca import pca_start
from lic.models.quantisation import Quantisation, quantise, soft_round


@pytest.fixture
def model(photo) -> RateDistortionAutoencoder:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    model = RateDistortionAutoencoder(Architecture(n=8, m=12), (0.2, 0.002, 0.02))
    pca_start(model, picture(photo))
    return model


def picture(photo) -> torch.Tensor:  # type: ignore[no-untyped-def]
    return torch.from_numpy(photo[:192, :256]).permute(2, 0, 1)[None].float() / 255


def test_lambda_points_are_sorted(model: RateDistortionAutoencoder) -> None:
    assert model.lambdas == (0.002, 0.02, 0.2)


def test_bits_are_the_sum_of_minus_log_probabilities(model: RateDistortionAutoencoder, photo) -> None:  # type: ignore[no-untyped-def]
    x, point = picture(photo), torch.tensor([1])
    coded = model(x, point, "round")
    y = model.analysis(x)
    step = optimal_step(0.02)
    n = torch.floor(y / step + 0.5)
    p = model.density.cdf((n + 0.5) * step) - model.density.cdf((n - 0.5) * step)
    assert coded.bits.item() == pytest.approx(-p.clamp(min=2**-24).log2().sum().item(), rel=1e-3)


def test_each_sample_is_coded_at_its_own_point(model: RateDistortionAutoencoder, photo) -> None:  # type: ignore[no-untyped-def]
    x = picture(photo)
    both = model(x.repeat(2, 1, 1, 1), torch.tensor([0, 2]), "round")
    alone = [model(x, torch.tensor([k]), "round") for k in (0, 2)]
    torch.testing.assert_close(both.bits, torch.cat([coded.bits for coded in alone]))
    assert both.bits[0] < both.bits[1]
    errors = (both.reconstruction - x).square().mean(dim=(1, 2, 3))
    assert errors[0] > errors[1]


def test_straight_through_counts_noisy_latents_and_transmits_coded_ones(  # type: ignore[no-untyped-def]
    model: RateDistortionAutoencoder, photo
) -> None:
    y, point = model.analysis(picture(photo)), torch.tensor([1])
    noise = torch.rand_like(y) - 0.5
    latents, bits = model.transmit(y, point, "straight-through", noise)
    torch.testing.assert_close(latents, model.transmit(y, point, "dead-zone", None)[0])
    torch.testing.assert_close(bits, model.transmit(y, point, "noise", noise)[1])
    assert not torch.equal(bits, model.transmit(y, point, "dead-zone", None)[1])


def test_a_second_look_takes_back_what_the_analysis_got_wrong(model: RateDistortionAutoencoder, photo) -> None:  # type: ignore[no-untyped-def]
    x = picture(photo)
    with torch.no_grad():
        model.synthesis[-1].weight *= 0.8  # the latents are now too small for it
        first = model.analysis(x)
        errors = [(model.synthesis(y) - x).square().mean() for y in (first, model.second_look(x, first))]
    assert errors[1] < 0.5 * errors[0]


def test_latents_move_by_the_share_of_their_own_point(photo) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    model = RateDistortionAutoencoder(Architecture(n=8, m=12), (0.002, 0.02, 0.2), shares=(0, 0.25, 1))
    x = torch.cat([picture(photo), picture(photo).flip(3), picture(photo).flip(2)])
    with torch.no_grad():
        y = model.analysis(x)
        first, second = y, model.second_look(x, y)
        expected = torch.stack([second[0], first[1], first[2] + (second[2] - first[2]) / 4])
        torch.testing.assert_close(model.latents(x, torch.tensor([2, 0, 1])), expected)
        torch.testing.assert_close(model.latents(x, torch.tensor([0, 0, 0])), first)


def test_training_sees_both_looks(photo) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    model = RateDistortionAutoencoder(Architecture(n=4, m=6), (0.02,), shares=(1,))
    pca_start(model, picture(photo))
    x, point = picture(photo)[:, :, :64, :64], torch.tensor([0])
    weight = model.analysis[0].weight
    model.latents(x, point).square().sum().backward()
    direction = weight.grad / weight.grad.norm()
    with torch.no_grad():
        values = []
        for _ in range(2):
            weight += 1e-3 * direction
            values.append(model.latents(x, point).double().square().sum().item())
            direction = -2 * direction
    assert weight.grad.norm().item() == pytest.approx((values[0] - values[1]) / 2e-3, rel=0.01)


def test_noise_overcharges_rare_symbols() -> None:
    torch.manual_seed(0)
    model = RateDistortionAutoencoder(Architecture(n=4, m=1), (0.01,))
    scale = 0.15 * optimal_step(0.01)  # of Laplacian latents: one in forty is not coded as zero
    y = torch.distributions.Laplace(0.0, scale).sample((1, 1, 300, 300))
    model.density.rescale(y)
    coded, noisy = (model.transmit(y, torch.tensor([0]), how, None)[1].item() for how in ("dead-zone", "noise"))
    assert noisy > 1.2 * coded


@pytest.mark.parametrize("how", ["noise", "straight-through"])
def test_rate_and_distortion_reach_every_parameter(  # type: ignore[no-untyped-def]
    model: RateDistortionAutoencoder, photo, how: Quantisation
) -> None:
    coded = model(picture(photo), torch.tensor([1]), how)
    (coded.bits.sum() + coded.reconstruction.square().sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_pca_start_codes_better_than_a_grey_picture(model: RateDistortionAutoencoder, photo) -> None:  # type: ignore[no-untyped-def]
    x = picture(photo)
    coded = model(x, torch.tensor([2]), "round")
    error = (coded.reconstruction - x).square().mean()
    assert error < 0.05 * x.var()
    assert coded.bits.item() < 8 * x.numel() / 8


def test_optimal_step_minimises_the_high_rate_loss() -> None:
    # One coefficient: rate -log2(s) bits against lambda * (255 s)^2 / 12 / 3 of distortion per pixel.
    lambda_ = 0.01
    s = torch.tensor(optimal_step(lambda_), dtype=torch.float64, requires_grad=True)
    (-torch.log2(s) + lambda_ * (255 * s) ** 2 / 36).backward()
    assert s.grad is not None and abs(s.grad.item()) < 1e-6


def contextual() -> RateDistortionAutoencoder:
    torch.manual_seed(0)
    return RateDistortionAutoencoder(Architecture(n=4, m=6), (0.01, 0.04), contexts=True)


def test_contexts_charge_rounded_symbols_by_what_they_see_of_rounded_symbols() -> None:
    model, point = contextual(), torch.tensor([1, 0])
    y = torch.randn(2, 6, 4, 4)
    _, bits = model.transmit(y, point, "dead-zone")
    symbols = quantise(y * model.log_gain[point].exp()[:, :, None, None], "dead-zone")
    assert model.magnitudes is not None
    torch.testing.assert_close(bits, model.magnitudes.bits(symbols, model.magnitudes(symbols, point), point))


def test_what_a_latent_tells_contexts_has_a_gradient_though_it_is_rounded() -> None:
    """The first channel alone, whose own symbols cost the same whatever the latent is."""
    model = contextual()
    scaled = torch.full((1, 6, 2, 2), 1.3, requires_grad=True)
    model.rate(scaled, torch.ones_like(scaled), torch.tensor([0])).backward()
    assert scaled.grad is not None and scaled.grad[0, 0].abs().min() > 0


@pytest.mark.parametrize("how", ["noise", "straight-through"])
def test_soft_rounding_is_in_the_rate_and_nowhere_else(how: Quantisation, model: RateDistortionAutoencoder) -> None:
    torch.manual_seed(0)
    y, noise, point = torch.randn(2, 12, 4, 4), torch.rand(2, 12, 4, 4) - 0.5, torch.tensor([0, 2])
    gain = model.log_gain[point].exp()[:, :, None, None]
    hard, soft = (model.transmit(y, point, how, noise, alpha) for alpha in (0.0, 6.0))
    assert torch.equal(hard[0], soft[0])
    torch.testing.assert_close(soft[1], model.bits(soft_round(y * gain, 6.0) + noise, gain).sum((1, 2, 3)))
    assert not torch.allclose(hard[1], soft[1])
    coded = (model.transmit(y, point, "dead-zone", None, alpha)[1] for alpha in (0.0, 6.0))
    assert torch.equal(*coded)


def test_the_order_of_channels_that_contexts_learned_stays() -> None:
    with pytest.raises(ValueError, match="contexts"):
        contextual().permute_latents(torch.arange(6).flip(0))
