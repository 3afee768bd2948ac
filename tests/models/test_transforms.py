import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lic.models.transforms import Analysis, SubPixelConv, Synthesis, depth_to_space, macs_per_pixel


@pytest.mark.parametrize(("n", "m", "colours"), [(4, 6, 3), (5, 3, 1)])
def test_the_picture_shrinks_by_16_and_grows_back(n: int, m: int, colours: int) -> None:
    x = torch.rand(2, colours, 48, 32)
    y = Analysis(n, m, colours)(x)
    assert y.shape == (2, m, 3, 2)
    assert Synthesis(n, m, colours)(y).shape == x.shape


def test_depth_to_space_is_pixel_shuffle_with_channels_last_in_the_order() -> None:
    x = torch.randn(2, 3 * 4 * 4, 5, 6)
    reordered = x.reshape(2, 4, 4, 3, 5, 6).permute(0, 3, 1, 2, 4, 5).reshape(x.shape)
    torch.testing.assert_close(depth_to_space(x, 4), nn.functional.pixel_shuffle(reordered, 4))


@pytest.mark.parametrize("transform", [Analysis(16, 24), Synthesis(16, 24)])
def test_macs_per_pixel_counts_what_runs(transform: Analysis | Synthesis) -> None:
    x = torch.rand(1, 3, 64, 96) if isinstance(transform, Analysis) else torch.rand(1, 24, 4, 6)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        transform(x)
    assert counter.get_total_flops() / 2 / (64 * 96) == pytest.approx(macs_per_pixel(transform))


def test_the_shipped_decoder_stays_within_20_kmac_per_pixel() -> None:
    assert macs_per_pixel(Synthesis(128, 320)) <= 20_000


def test_subpixel_convolution_sees_only_its_neighbourhood() -> None:
    layer = SubPixelConv(2, 3, 3, r=2)
    x = torch.zeros(1, 2, 9, 9)
    nudged = x.clone()
    nudged[0, 0, 4, 4] = 1.0
    changed = (layer(nudged) - layer(x)).abs().sum(dim=(0, 1)) > 0
    rows = changed.any(dim=1).nonzero().squeeze().tolist()
    assert rows == list(range(6, 12))
