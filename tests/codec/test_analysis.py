"""Latents and symbols, for experiments."""

import io

import numpy as np
import pytest

from lic import BadImage, BadModel, analyse, encode, symbols
from lic.codec.model.frozen import FrozenModel
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
