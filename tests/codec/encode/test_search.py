"""Refined symbols give smaller and better files; prices and slopes are correct."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lic import BadSetting, decode, encode
from lic.codec.encode.pipeline import encode_picture
from lic.codec.encode.search import Distortion, refine
from lic.codec.entropy import chunks
from lic.codec.entropy.walk import Symbols
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.loader import load_model
from lic.codec.picture.fidelity import mean_squared_error, psnr
from lic.codec.picture.reading import Picture
from lic.codec.transform.engine import decode_all, engine_of
from lic.codec.transform.numpy_engine import NumpyEngine
from lic.codec.transform.restoration import restore
from lic.codec.transform.torch_network import freeze, thaw
from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.pca import pca_start
from tests.conftest import Pixels

MIDDLE = 256  # the position of the second of three lambda points


@pytest.fixture
def symbols(photo: Pixels, tiny_model: FrozenModel) -> Symbols:
    point = tiny_model.at(MIDDLE)
    return point.quantise(engine_of(tiny_model).analyse(photo, point.look(0)))


def loss_in_bits(symbols: Symbols, photo: Pixels, model: FrozenModel, position: int) -> float:
    """Of a real stream and real pixels."""
    height, width = photo.shape[:2]
    point = model.at(position)
    pixels = decode_all([symbols], model, point, (width, height))
    squares = np.square(pixels.astype(float) - photo).sum() / 3
    return 8 * len(chunks.pack(chunks.chunks_of(symbols), point.coder)) + point.lambda_ * squares


@pytest.mark.parametrize("position", [0, MIDDLE, 300])
def test_refinement_lowers_the_loss(photo: Pixels, tiny_model: FrozenModel, position: int) -> None:
    point = tiny_model.at(position)
    symbols = point.quantise(engine_of(tiny_model).analyse(photo))
    refined = [symbols] + [refine(symbols, photo, tiny_model, point, effort) for effort in (1, 8)]
    none, little, much = (loss_in_bits(s, photo, tiny_model, position) for s in refined)
    assert little <= none
    assert much < 0.997 * none


def test_refinement_lowers_the_loss_with_expected_latents(photo: Pixels) -> None:
    """What is expected changes with the symbols of earlier phases, which moves do not foresee but are judged by."""
    torch.manual_seed(0)
    network = RateDistortionAutoencoder(Architecture("residual", 8, 12), (0.002, 0.02))
    picture = torch.from_numpy(photo[:192, :256].copy()).permute(2, 0, 1)[None].float() / 255
    pca_start(network, picture)
    with torch.no_grad():
        for predictor in network.predictors:
            predictor.expand.weight.normal_(0, 0.01)
    model = freeze(network, {"name": "expects"})
    point = model.at(MIDDLE)
    symbols = np.concatenate([*engine_of(model).encode(photo, point)], axis=1)
    assert (restore(symbols, point, NumpyEngine(model).expect) != point.dequantise(symbols)).any()
    refined = refine(symbols, photo, model, point, 8)
    assert loss_in_bits(refined, photo, model, MIDDLE) < 0.997 * loss_in_bits(symbols, photo, model, MIDDLE)


@pytest.mark.parametrize("name", ["tiny", "photo"])
@pytest.mark.usefixtures("tiny_model_path")
def test_prices_of_neighbours_are_those_of_symbols_moved_there(photo: Pixels, name: str) -> None:
    model = find_model(name).load()  # the one without contexts, the other with them
    point = model.at(MIDDLE)
    symbols = point.quantise(engine_of(model).analyse(photo, point.look(0)))
    here, below, above = point.coder.shifted_bits(symbols, (0, -1, 1))
    np.testing.assert_array_equal(here, point.coder.bits(symbols))
    last = np.flatnonzero(symbols.any(axis=(1, 2)))[-1]
    for where in ((last, 0, 1), (last, 4, 7), (last, 7, 12)):  # coded last of all, so that nothing depends on them
        for bits, shift in ((below, -1), (above, 1)):
            moved = symbols.copy()
            moved[where] += shift
            assert bits[where] == point.coder.bits(moved)[where]


def test_a_channel_out_of_use_stays_so(symbols: Symbols, tiny_model: FrozenModel, photo: Pixels) -> None:
    symbols[7:] = 0
    point = tiny_model.at(MIDDLE)
    bits = point.coder.shifted_bits(symbols, (0, 1))
    assert not bits[0, 7:].any()
    assert np.isinf(bits[1, 7:]).all()
    assert not refine(symbols, photo, tiny_model, point, 2)[7:].any()
    assert not refine(symbols * 0, photo, tiny_model, point, 2).any()


def test_slopes_are_those_of_the_decoders_error(symbols: Symbols, photo: Pixels, tiny_model: FrozenModel) -> None:
    slope, places = Distortion(symbols, photo, tiny_model, tiny_model.at(MIDDLE)).slope(slice(0, symbols.shape[1]))
    point, (height, width) = tiny_model.at(MIDDLE), photo.shape[:2]
    decoded = decode_all([symbols], tiny_model, point, (width, height))
    in_bits = point.lambda_ * photo[:, :, 0].size * mean_squared_error(photo, decoded)
    assert places.sum() == pytest.approx(in_bits, rel=1e-4)
    by_block = Distortion(symbols, photo, tiny_model, point).value(slice(2, 7))
    np.testing.assert_array_equal(by_block, places[2:7])
    for where in ((0, 0, 0), (3, 5, 9), (1, symbols.shape[1] - 1, symbols.shape[2] - 1)):
        step = np.zeros(symbols.shape)
        step[where] = 0.05
        change = distortion(symbols + step, photo, tiny_model) - distortion(symbols - step, photo, tiny_model)
        assert slope[where] == pytest.approx(change / 0.1, rel=0.02, abs=0.02)


def distortion(symbols: np.ndarray, photo: Pixels, model: FrozenModel, beyond: float = 0) -> float:
    """In bits, of pixels that are not rounded, and are cut only where they are farther `beyond` black and white."""
    point = model.at(MIDDLE)
    inverse_gain = torch.from_numpy(point.inverse_gain).float()[:, None, None]
    with torch.no_grad():
        decoded = thaw(model).synthesis((torch.from_numpy(symbols).float() * inverse_gain)[None])[0].double()
        decoded = decoded.clamp(-beyond, 1 + beyond)
    height, width = photo.shape[:2]
    error = 255 * decoded[:, :height, :width].permute(1, 2, 0).numpy() - photo
    return float(point.lambda_ * np.square(error).sum() / 3)


def test_curvature_is_right_on_average(symbols: Symbols, photo: Pixels, tiny_model: FrozenModel) -> None:
    rows = slice(0, symbols.shape[1])
    by_symbols = Distortion(symbols, photo, tiny_model, tiny_model.at(MIDDLE))
    *first_order, estimate = by_symbols.to_second_order(rows, np.random.default_rng(0))
    for found, alone in zip(first_order, by_symbols.slope(rows), strict=True):
        np.testing.assert_array_equal(found, alone)
    measured = []
    for where in np.random.default_rng(1).integers(0, symbols.shape, (60, 3)):
        step = np.zeros(symbols.shape)
        step[tuple(where)] = 0.1
        second = distortion(symbols + step, photo, tiny_model, 9) + distortion(symbols - step, photo, tiny_model, 9)
        measured.append((second - 2 * distortion(symbols, photo, tiny_model, 9)) / 2 / 0.1**2)
    assert np.mean(measured) == pytest.approx(estimate.mean(), rel=0.3)


def test_pictures_of_several_chunks(photo: Pixels, tiny_model: FrozenModel) -> None:
    tall = np.tile(photo[:, :60], (6, 1, 1))  # 1218 rows: two chunks
    point = tiny_model.at(MIDDLE)
    symbols = point.quantise(engine_of(tiny_model).analyse(tall, point.look(0)))
    refined = refine(symbols, tall, tiny_model, point, 3)
    assert (refined != symbols)[:, :64].any()
    assert (refined != symbols)[:, 64:].any()
    assert loss_in_bits(refined, tall, tiny_model, MIDDLE) < 0.995 * loss_in_bits(symbols, tall, tiny_model, MIDDLE)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (5, 90)])
def test_small_pictures(photo: Pixels, size: tuple[int, int], tiny_model: FrozenModel) -> None:
    picture = photo[: size[0], : size[1]]
    assert decode(encode(picture, effort=3, model="tiny")).size == size[::-1]


def test_effort_is_repeatable_and_none_by_default(photo: Pixels, tiny_model_path: Path) -> None:
    # A model of its own, that encoding is the first to ask for its network.
    fresh = load_model(tiny_model_path, find_model(tiny_model_path).card)
    once, again = (encode_picture(Picture(photo), fresh, MIDDLE, effort=2) for _ in range(2))
    assert once == again
    none, some = (encode(photo, quality=1, effort=effort, model="tiny") for effort in (0, 4))
    assert encode(photo, quality=1, model="tiny") == none != some


def test_targets_hold_with_effort(photo: Pixels, tiny_model: FrozenModel) -> None:
    plain, refined = (encode(photo, target_size=1200, effort=effort, model="tiny") for effort in (0, 3))
    assert max(len(plain), len(refined)) <= 1200
    assert psnr(photo, np.array(decode(refined))) > psnr(photo, np.array(decode(plain)))
    target = psnr(photo, np.array(decode(plain)))
    smaller = encode(photo, target_psnr=target, effort=3, model="tiny")
    assert psnr(photo, np.array(decode(smaller))) >= target
    assert len(smaller) < len(plain)


@pytest.mark.parametrize("effort", [-1, 1.5, "4", None])
def test_effort_is_a_number_of_rounds(photo: Pixels, effort: int, tiny_model: FrozenModel) -> None:
    with pytest.raises(BadSetting, match="give 0, 1, 2"):
        encode(photo, effort=effort, model="tiny")


def test_models_for_ms_ssim_are_not_refined_by_squared_error(
    tiny_model: FrozenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tiny_model.card, "distortion", "ms-ssim")
    tiny_model.check_effort(0)
    with pytest.raises(BadSetting, match="squared error"):
        tiny_model.check_effort(1)
