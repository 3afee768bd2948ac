"""Tiles with halos: the same latents and pixels as the whole picture at once."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch

from lic import BadSetting, decode, encode
from lic.codec.decoder import decode_picture
from lic.codec.file.container import parse
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform import tiles
from lic.codec.transform.tiled import analyse, first_look, second_look, synthesise
from lic.codec.transform.torch_network import freeze
from lic.models.architecture import KINDS, Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE_ROWS", 5)
    monkeypatch.setattr(tiles, "TILE_COLUMNS", 7)


def random_network(kind: str, n: int, m: int) -> RateDistortionAutoencoder:
    """Untrained, with every weight random, also those that are zero before training."""
    torch.manual_seed(0)
    network = RateDistortionAutoencoder(Architecture(kind, n, m), (0.01, 0.1))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if ".expand." in name or name.endswith(".place"):
                parameter.copy_(0.5 * torch.randn_like(parameter))
            if name == "trust":
                parameter.copy_(torch.rand_like(parameter))
    return network


@pytest.fixture(scope="module")
def tall() -> Pixels:
    """Three chunks high."""
    return np.resize(skimage.data.astronaut(), (2100, 333, 3))


@pytest.mark.parametrize("kind", KINDS)
def test_the_reach_is_as_far_as_the_network_sees(kind: str) -> None:
    """A change of one sample in the middle of 31 latents moves this many to each side, and no more."""
    network = random_network(kind, 12, 15)
    architecture = network.architecture
    network.double()

    def restore(symbols: torch.Tensor) -> torch.Tensor:
        return network.restore(symbols, torch.tensor([0]))

    for transform, channels, scale, reach in (
        (network.analysis, 3, 16, architecture.analysis_reach),
        (network.synthesis, 15, 1, architecture.synthesis_reach),
        (restore, 15, 1, architecture.restoration_reach),
        (lambda symbols: network.synthesis(restore(symbols)), 15, 1, architecture.decoding_reach),
    ):
        reached = set()
        for offset in range(scale):
            x = torch.zeros(1, channels, 31 * scale, 1 * scale, dtype=torch.double)
            changed = x.clone()
            changed[:, :, 15 * scale + offset] = 9
            with torch.inference_mode():
                difference = (transform(changed) - transform(x)).abs().amax(dim=(0, 1, 3))
            reached |= set((difference.reshape(31, -1).amax(dim=1).nonzero()[:, 0] - 15).abs().tolist())
        assert max(reached) == reach


@pytest.mark.parametrize("kind", KINDS)
def test_no_architecture_shows_its_tiles(photo: Pixels, small_tiles: None, kind: str) -> None:
    model = freeze(random_network(kind, 8, 12), {"name": "random"})
    point, size = model.at(0), (photo.shape[1], photo.shape[0])

    def there_and_back() -> tuple[np.ndarray, np.ndarray]:
        latents = first_look(photo, model)
        symbols = np.random.default_rng(0).integers(-9, 10, latents.shape).astype(np.int32)
        return latents, synthesise(symbols, model, point, size).astype(int)

    tiled_latents, tiled = there_and_back()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "TILE_ROWS", 1000)
        patch.setattr(tiles, "TILE_COLUMNS", 1000)
        latents, whole = there_and_back()
    np.testing.assert_allclose(tiled_latents, latents, atol=1e-5 * np.abs(latents).max())
    assert whole.std() > 20  # a picture, so that seams would show
    assert np.abs(tiled - whole).max() <= 1


@pytest.mark.parametrize(("engine", "last_digits"), [("torch", 3e-7), ("light", 4e-6)])  # of the largest latent
def test_tiles_give_the_latents_of_the_whole(
    photo: Pixels,
    tiny_model: FrozenModel,
    small_tiles: None,
    engine: str,
    last_digits: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a tile begins, Winograd's transforms round other sums."""
    monkeypatch.setenv("LIC_ENGINE", engine)
    tiled = first_look(photo, tiny_model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "TILE_ROWS", 1000)
        patch.setattr(tiles, "TILE_COLUMNS", 1000)
        whole = first_look(photo, tiny_model)
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=last_digits * np.abs(whole).max())
    for position in (0, 200, tiny_model.last_position):
        symbols = [tiny_model.at(position).quantise(latents) for latents in (tiled, whole)]
        # Float summation may differ in the last digits, and so one in 10,000 symbols next to a tie.
        assert np.mean(symbols[0] != symbols[1]) <= 1e-4


@pytest.mark.parametrize("rows", [13, 3])  # of tiles; 13 are lower than the halo is high
def test_tiles_look_again_as_the_whole_does(photo: Pixels, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    torch.manual_seed(0)
    model = freeze(
        RateDistortionAutoencoder(Architecture(n=8, m=12)), {"name": "random"}
    )  # so that all neighbours matter
    first = first_look(photo, model)
    whole = second_look(first, photo, model)
    assert np.abs(whole - first).mean() > 0.01 * np.abs(first).mean()
    half = replace(model.at(0), second_look=0.5)
    monkeypatch.setattr(tiles, "TILE_ROWS", -(-first.shape[1] // rows))
    monkeypatch.setattr(tiles, "TILE_COLUMNS", 7)
    np.testing.assert_allclose(second_look(first, photo, model), whole, atol=1e-5)
    np.testing.assert_allclose(analyse(photo, model, half), (first + whole) / 2, atol=1e-5)


def test_wide_pictures_are_cut_into_low_strips(
    photo: Pixels, tiny_model: FrozenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = first_look(photo, tiny_model)
    monkeypatch.setattr(tiles, "TILE_ROWS", 8)
    assert tiles.strips((0, 16), whole.shape[2]) == [(0, 8), (8, 16)]
    monkeypatch.setattr(tiles, "STRIP_LATENTS", 1)
    assert tiles.strips((0, 16), whole.shape[2]) == [(0, 4), (4, 8), (8, 12), (12, 16)]
    np.testing.assert_allclose(first_look(photo, tiny_model), whole, atol=1e-5 * np.abs(whole).max())


def test_tiles_are_shared_out_equally_among_two_threads() -> None:
    for columns in range(1, 400):
        count = len([*tiles.tiles((0, 32), (0, columns), 3, (32, columns), 2)])
        assert count == 1 or count % 2 == 0


def test_tiles_leave_no_seams(photo: Pixels, small_tiles: None) -> None:
    data = encode(photo, quality=80, model="tiny")
    tiled = np.array(decode(data)).astype(int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "TILE_ROWS", 1000)
        patch.setattr(tiles, "TILE_COLUMNS", 1000)
        whole = np.array(decode(data)).astype(int)
    difference = np.abs(tiled - whole)
    assert difference.max() <= 1 and difference.mean() < 1e-3


@pytest.mark.parametrize(
    "region", [(0, 0, 333, 2100), (0, 0, 1, 1), (332, 2099, 333, 2100), (50, 990, 120, 1030), (17, 1100, 300, 1200)]
)
def test_a_region_is_the_same_part_of_the_whole(tall: Pixels, region: tuple[int, int, int, int]) -> None:
    data = encode(np.dstack([tall, tall[:, :, 0]]), quality=50, model="tiny")
    part, whole = decode(data, region=region), decode(data).crop(region)
    assert part.size == whole.size
    difference = np.abs(np.array(part).astype(int) - np.array(whole))
    assert difference.max() <= 1 and difference.mean() < 1e-3
    assert not difference[:, :, 3].any()


def test_a_region_reads_only_the_chunks_that_it_needs(
    tall: Pixels, tiny_model: FrozenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = parse(encode(tall, quality=20, model="tiny"))
    chunks: list[tuple[int, int, int]] = []
    coder = type(tiny_model.at(0).coder)
    original = coder.decode
    monkeypatch.setattr(coder, "decode", lambda *a: chunks.append(a[2]) or original(*a))  # type: ignore
    for region, heights in [((0, 100, 9, 900), [64]), ((0, 900, 9, 1010), [64, 64]), ((0, 2090, 9, 2100), [4])]:
        chunks.clear()
        decode_picture(file, tiny_model, region)
        assert [shape[1] for shape in chunks] == heights


@pytest.mark.parametrize("region", [(0, 0, 0, 5), (-1, 0, 5, 5), (0, 0, 334, 5), (9, 9, 5, 20)])
def test_regions_outside_say_what_is_possible(tall: Pixels, region: tuple[int, int, int, int]) -> None:
    with pytest.raises(BadSetting, match="from 0,0 to 333,2100"):
        decode(encode(tall, quality=20, model="tiny"), region=region)
