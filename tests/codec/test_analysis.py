"""Latents and symbols, for experiments."""

import io
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from lic import BadImage, BadModel, BadSetting, analyse, decode, encode, encode_symbols, quantise, symbols, torch_model
from lic.codec.model.frozen import FrozenModel
from lic.models.quantisation import quantise as round_in_network
from tests.conftest import Pixels


@pytest.mark.usefixtures("tiny_model_path")
@pytest.mark.parametrize("quality", [10, 90])
def test_the_symbols_of_a_file_are_its_rounded_latents(quality: float, photo: Pixels, tiny_model: FrozenModel) -> None:
    data = encode(photo[:70, :100], quality=quality, model="tiny")
    y = analyse(photo[:70, :100], quality=quality, model="tiny")
    assert y.shape == (tiny_model.channels, 5, 7) and y.dtype == np.float32
    point = tiny_model.at(tiny_model.position(quality))
    np.testing.assert_array_equal(symbols(data), point.quantise(y))
    np.testing.assert_array_equal(symbols(io.BytesIO(data), model="tiny"), symbols(data))


@pytest.mark.usefixtures("tiny_model_path")
def test_lambda_names_the_same_latents(photo: Pixels, tiny_model: FrozenModel) -> None:
    finest = analyse(photo[:48, :48], lambda_=tiny_model.lambdas[-1], model="tiny")
    np.testing.assert_array_equal(finest, analyse(photo[:48, :48], quality=100, model="tiny"))


@pytest.mark.usefixtures("tiny_model_path")
def test_files_without_symbols_and_of_other_models(photo: Pixels) -> None:
    with pytest.raises(BadImage, match="no latents"):
        symbols(encode(photo[:48, :48], model="tiny", lossless=True))
    with pytest.raises(BadModel, match="the file needs model"):
        symbols(encode(photo[:48, :48], model="tiny"), model="photo")


@pytest.mark.usefixtures("tiny_model_path")
@pytest.mark.parametrize("quality", [10, 50, 90])
def test_symbols_follow_from_latents_and_a_file_from_symbols(quality: float, photo: Pixels) -> None:
    picture = photo[:70, :100]
    file = encode(picture, quality=quality, model="tiny")
    n = quantise(analyse(picture, quality=quality, model="tiny"), file)
    np.testing.assert_array_equal(n, symbols(file))
    assert encode_symbols(n, file) == file
    n[0] += 1
    changed = encode_symbols(n, io.BytesIO(file), model="tiny")
    np.testing.assert_array_equal(symbols(changed), n)
    assert decode(changed).size == (100, 70)
    assert np.abs(np.asarray(decode(changed), int) - np.asarray(decode(file), int)).max() > 0


def test_expected_latents_are_taken_into_account(photo: Pixels) -> None:
    picture = photo[:64, :96]
    file = encode(picture, quality=30)
    np.testing.assert_array_equal(quantise(analyse(picture, quality=30), file), symbols(file))


@pytest.mark.usefixtures("tiny_model_path")
def test_symbols_of_another_shape_are_refused(photo: Pixels) -> None:
    file = encode(photo[:70, :100], model="tiny")
    for take in (encode_symbols, quantise):
        with pytest.raises(BadSetting, match=r"give \(12, 5, 7\)"):
            take(np.zeros((12, 5, 6), np.int32), file)
    with pytest.raises(BadImage, match="no latents"):
        encode_symbols(np.zeros((12, 5, 7), np.int32), encode(photo[:70, :100], model="tiny", lossless=True))


@pytest.mark.usefixtures("tiny_model_path")
def test_the_torch_module_is_the_model_and_has_gradients(photo: Pixels, tiny_model: FrozenModel) -> None:
    network = torch_model("tiny")
    x = torch.from_numpy(np.ascontiguousarray(photo[:64, :96])).permute(2, 0, 1)[None].float().div(255).requires_grad_()
    coded = network(x, torch.tensor([1]), "straight-through")
    (coded.bits.sum() + coded.reconstruction.sum()).backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in network.analysis.parameters())
    with torch.no_grad():
        rounded = network(x, torch.tensor([1]), "dead-zone").reconstruction[0].permute(1, 2, 0).mul(255)
    decoded = decode(encode(photo[:64, :96], lambda_=tiny_model.lambdas[1], model="tiny"))
    assert np.abs(rounded.clamp(0, 255).numpy() - np.asarray(decoded)).mean() < 1.0


@pytest.mark.usefixtures("tiny_model_path")
def test_likelihoods_of_symbols_are_those_of_the_rate(photo: Pixels) -> None:
    network, point = torch_model("tiny"), torch.tensor([1])
    x = torch.from_numpy(np.ascontiguousarray(photo[:64, :96])).permute(2, 0, 1)[None].float().div(255)
    gain = network.log_gain[point].exp()[:, :, None, None]
    scaled, _ = network.code(network.latents(x, point), point, "dead-zone")
    bits = network.bits(round_in_network(scaled, "dead-zone"), gain)
    assert bits.shape == scaled.shape and (bits >= 0).all()
    torch.testing.assert_close(bits.sum(), network(x, point, "dead-zone").bits.sum())


def test_symbols_that_two_quantisers_cannot_have_are_refused() -> None:
    model = Path(__file__).parents[2] / "conformance" / "golden-trellis.safetensors"
    file = encode(skimage.data.astronaut()[:96, :128], model=model, lossless=False)
    n = symbols(file, model=model)
    assert encode_symbols(n, file, model=model) == file
    with pytest.raises(BadSetting, match="take those that"):
        encode_symbols(np.ones_like(n), file, model=model)
    with pytest.raises(BadSetting, match="golden-trellis"):
        encode_symbols(n + (2**30 - 1), file, model=model)
