import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lic.models.architecture import KINDS, Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.transforms import Analysis, SubPixelConv, Synthesis, build, depth_to_space


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "m"), [(4, 6), (5, 3), (1, 1)])
def test_the_picture_shrinks_by_16_and_grows_back(kind: str, n: int, m: int) -> None:
    architecture = Architecture(kind, n, m)
    x = torch.rand(2, 3, 48, 32)
    y = Analysis(architecture.analysis)(x)
    assert y.shape == (2, m, 3, 2)
    assert Synthesis(architecture.synthesis)(y).shape == x.shape


@pytest.mark.parametrize("kind", KINDS)
def test_an_architecture_tells_the_shapes_of_all_tensors(kind: str) -> None:
    network = RateDistortionAutoencoder(Architecture(kind, 6, 10))
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    networks = ("analysis.", "synthesis.", "predictors.")
    assert network.architecture.tensors == {name: shape for name, shape in shapes.items() if name.startswith(networks)}


@pytest.mark.parametrize("kind", KINDS)
def test_reordered_latents_are_the_same_latents(kind: str) -> None:
    torch.manual_seed(0)
    network = RateDistortionAutoencoder(Architecture(kind, 6, 10), (0.1,))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.01 * torch.rand_like(parameter)
    x, point, order = torch.rand(1, 3, 64, 64), torch.tensor([0]), torch.randperm(10)
    if network.architecture.predictors:
        order = torch.tensor([4, 9, 2, 7, 8, 5, 6, 3, 0, 1])  # by multiples of 4
    latents = network.analysis(x)
    before = network(x, point, "round")
    network.permute_latents(order)
    after = network(x, point, "round")
    torch.testing.assert_close(network.analysis(x), latents[:, order])
    torch.testing.assert_close(after.reconstruction, before.reconstruction)
    torch.testing.assert_close(after.bits, before.bits)


def test_channels_keep_their_phases() -> None:
    network = RateDistortionAutoencoder(Architecture("residual", 6, 10))
    with pytest.raises(ValueError, match="other phases"):
        network.permute_latents(torch.arange(10).flip(0))


def test_a_layer_that_is_not_known_is_an_error() -> None:
    with pytest.raises(TypeError, match="no module is known"):
        build(("conv", 3, 5))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="newer"):
        Architecture("transformer")


def test_depth_to_space_is_pixel_shuffle_with_channels_last_in_the_order() -> None:
    x = torch.randn(2, 3 * 4 * 4, 5, 6)
    reordered = x.reshape(2, 4, 4, 3, 5, 6).permute(0, 3, 1, 2, 4, 5).reshape(x.shape)
    torch.testing.assert_close(depth_to_space(x, 4), nn.functional.pixel_shuffle(reordered, 4))


@pytest.mark.parametrize("kind", KINDS)
def test_multiplications_are_those_that_run(kind: str) -> None:
    network = RateDistortionAutoencoder(Architecture(kind, 16, 24))
    x, y, point = torch.rand(1, 3, 64, 96), torch.rand(1, 24, 4, 6), torch.tensor([0])
    for work, macs in (
        (lambda: network.code(network.analysis(x), point, "round"), network.architecture.encoding_macs),
        (lambda: network.synthesis(network.restore(y, point)), network.architecture.decoding_macs),
    ):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            work()
        assert counter.get_total_flops() / 2 / (64 * 96) == pytest.approx(macs)


def test_subpixel_convolution_sees_only_its_neighbourhood() -> None:
    layer = SubPixelConv(2, 3, 3, r=2)
    x = torch.zeros(1, 2, 9, 9)
    nudged = x.clone()
    nudged[0, 0, 4, 4] = 1.0
    changed = (layer(nudged) - layer(x)).abs().sum(dim=(0, 1)) > 0
    rows = changed.any(dim=1).nonzero().squeeze().tolist()
    assert rows == list(range(6, 12))
