"""Properties of the metrics, and agreement with independent implementations."""

import math

import numpy as np
import pytest
import pytorch_msssim
import torch
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.transform import downscale_local_mean

from lic.codec.errors import BadImage
from lic.tools.evaluation import metrics

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang, Simoncelli, Bovik 2003


Pair = tuple[metrics.Pixels, metrics.Pixels]


@pytest.fixture(scope="module")
def pair() -> Pair:
    original = data.astronaut()[:192, 100:308]
    noise = np.random.default_rng(0).normal(0, 12, original.shape)
    return original, np.clip(original + noise, 0, 255).round().astype(np.uint8)


def test_identical_pictures_are_perfect(pair: Pair) -> None:
    scores = metrics.measure(pair[0], pair[0])
    assert scores == (math.inf, math.inf, math.inf, 1.0, 1.0)
    assert scores.ms_ssim_db == math.inf


def test_psnr_pools_the_squared_error_of_all_samples() -> None:
    original = np.zeros((2, 2, 3), np.uint8)
    decoded = original.copy()
    decoded[0, 0, 0] = 12  # MSE 144 / 12 = 12
    assert metrics.psnr(original, decoded) == pytest.approx(10 * math.log10(255**2 / 12))


def test_psnr_agrees_with_scikit_image(pair: Pair) -> None:
    assert metrics.psnr(*pair) == pytest.approx(peak_signal_noise_ratio(*pair, data_range=255), abs=1e-9)


def test_grey_errors_are_luma_only(pair: Pair) -> None:
    original = pair[0] // 2
    decoded = original + 9
    assert metrics.psnr_luma(original, decoded) == pytest.approx(metrics.psnr(original, decoded))
    assert metrics.psnr_chroma(original, decoded) == math.inf


def test_a_blue_error_is_mostly_chroma() -> None:
    original = np.full((4, 4, 3), 100, np.uint8)
    decoded = original + np.array([0, 0, 10], np.uint8)
    assert metrics.psnr_luma(original, decoded) == pytest.approx(10 * math.log10(255**2 / 1.14**2))
    assert metrics.psnr_chroma(original, decoded) == pytest.approx(10 * math.log10(255**2 / ((5**2 + 0.81312**2) / 2)))


def test_ssim_agrees_with_scikit_image(pair: Pair) -> None:
    options = {"data_range": 255, "gaussian_weights": True, "use_sample_covariance": False}
    assert metrics.ssim(*pair) == pytest.approx(structural_similarity(*pair, channel_axis=2, **options), abs=1e-9)


@pytest.mark.parametrize(("height", "width"), [(192, 208), (161, 203), (181, 166)])
def test_ssim_and_ms_ssim_agree_with_pytorch_msssim(pair: Pair, height: int, width: int) -> None:
    cut = [p[:height, :width] for p in pair]
    tensors = [torch.from_numpy(p.transpose(2, 0, 1).astype(np.float64))[None] for p in cut]
    assert metrics.ssim(*cut) == pytest.approx(float(pytorch_msssim.ssim(*tensors, data_range=255)), abs=1e-5)
    assert metrics.ms_ssim(*cut) == pytest.approx(float(pytorch_msssim.ms_ssim(*tensors, data_range=255)), abs=1e-5)


def test_ms_ssim_agrees_with_five_scales_of_scikit_images_ssim(pair: Pair) -> None:
    a, b = (p.astype(np.float64) for p in pair)
    factors = np.ones(3)
    for scale, weight in enumerate(WEIGHTS):
        # A huge K1 makes the luminance term one, which leaves contrast times structure.
        k1 = 0.01 if scale == 4 else 1e6
        similarity = [
            structural_similarity(
                a[..., c],
                b[..., c],
                data_range=255,
                gaussian_weights=True,
                use_sample_covariance=False,
                K1=k1,
            )
            for c in range(3)
        ]
        factors *= np.array(similarity) ** weight
        a, b = (downscale_local_mean(p, (2, 2, 1)) for p in (a, b))
    assert metrics.ms_ssim(*pair) == pytest.approx(factors.mean(), abs=1e-4)


def test_more_noise_is_worse_in_every_metric(pair: Pair) -> None:
    original, noisy = pair
    half = ((original.astype(int) + noisy) // 2).astype(np.uint8)
    assert all(a > b for a, b in zip(metrics.measure(original, half), metrics.measure(original, noisy), strict=True))


def test_ssimulacra2_falls_with_noise_and_is_100_without(pair: Pair) -> None:
    original, noisy = (picture[:96, :96].astype(int) for picture in pair)
    mixed = (original + share * (noisy - original) for share in (0, 0.2, 1))
    scores = [metrics.ssimulacra2(pair[0][:96, :96], picture.astype(np.uint8)) for picture in mixed]
    assert scores[0] == pytest.approx(100, abs=1e-6)
    assert scores[0] > scores[1] > scores[2]


@pytest.mark.parametrize(("side", "defined"), [(160, False), (161, True)])
def test_ms_ssim_is_nan_on_sides_under_161(side: int, defined: bool) -> None:
    picture = np.zeros((side, 200, 3), np.uint8)
    assert math.isnan(metrics.ms_ssim(picture, picture)) is not defined


@pytest.mark.parametrize(("side", "defined"), [(10, False), (11, True)])
def test_ssim_is_nan_on_sides_under_11(side: int, defined: bool) -> None:
    picture = np.zeros((30, side, 3), np.uint8)
    assert math.isnan(metrics.ssim(picture, picture)) is not defined


def test_grey_arrays_are_measured_like_grey_rgb(pair: Pair) -> None:
    grey = [p[:, :, 0] for p in pair]
    rgb = [np.repeat(g[:, :, None], 3, axis=2) for g in grey]
    assert metrics.measure(*grey) == pytest.approx(metrics.measure(*rgb), rel=1e-5)


def test_a_mean_of_decibels_counts_lossless_pictures_as_100() -> None:
    assert metrics.mean_db([math.inf, 50.0]) == 75.0
    assert math.isnan(metrics.mean_db([math.nan, 50.0]))
    assert math.isnan(metrics.mean_db([]))


def test_pictures_of_different_sizes_are_refused() -> None:
    with pytest.raises(BadImage, match="same shape"):
        metrics.psnr(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8))
