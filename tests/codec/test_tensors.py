"""Batches of pictures as torch tensors, and lists."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

import lic
from lic import BadImage, decode, decode_batch, encode, encode_batch
from tests.conftest import Pixels


@pytest.fixture
def batch(photo: Pixels) -> torch.Tensor:
    """Two pictures of 40 x 60, uint8."""
    return torch.from_numpy(np.stack([photo[i : i + 40, :60] for i in (0, 100)])).permute(0, 3, 1, 2)


@pytest.mark.usefixtures("tiny_model_path")
def test_a_tensor_is_coded_as_the_same_array(batch: torch.Tensor) -> None:
    arrays = batch.permute(0, 2, 3, 1).numpy()
    expected = [encode(array, model="tiny") for array in arrays]
    assert encode_batch(batch, model="tiny") == encode_batch([*arrays], model="tiny") == expected
    assert encode_batch(batch.float() / 255, model="tiny") == expected
    assert [encode(picture, model="tiny") for picture in batch] == expected
    assert encode(batch[0, :1], model="tiny") == encode(arrays[0, :, :, 0], model="tiny")
    assert encode(batch[0].double().requires_grad_() / 255, model="tiny") == expected[0]


@pytest.mark.usefixtures("tiny_model_path")
@pytest.mark.parametrize("channels", [1, 3])
def test_decoding_gives_the_pixels_in_0_to_1(channels: int, batch: torch.Tensor) -> None:
    files = encode_batch(batch[:, :channels], model="tiny")
    x = decode_batch(files)
    assert x.shape == (2, channels, 40, 60) and x.dtype == torch.float32
    pictures = np.stack([np.asarray(decode(file)).reshape(40, 60, channels) for file in files])
    np.testing.assert_array_equal((x * 255).round().byte().permute(0, 2, 3, 1).numpy(), pictures)
    assert decode_batch(files, region=(0, 0, 16, 8)).shape == (2, channels, 8, 16)


@pytest.mark.usefixtures("tiny_model_path")
def test_lists_of_all_kinds_of_pictures(photo: Pixels) -> None:
    files = encode_batch([photo[:20, :30], Image.fromarray(photo[:32, :16])], model="tiny")
    assert [decode(file).size for file in files] == [(30, 20), (16, 32)]
    with pytest.raises(BadImage, match=r"one size, not 30 x 20 x 3, 16 x 32 x 3: decode them one by one"):
        decode_batch(files)
    with pytest.raises(BadImage, match="not none"):
        decode_batch([])


def test_what_is_no_batch_and_what_is_one_is_said(batch: torch.Tensor) -> None:
    with pytest.raises(BadImage, match="give one picture to encode"):
        encode_batch(batch[0])
    with pytest.raises(BadImage, match="a batch of them to encode_batch"):
        encode(batch)
    with pytest.raises(BadImage, match="several of them to encode_batch"):
        encode([batch[0]])  # type: ignore[arg-type]
    with pytest.raises(lic.NotALicFile, match="several of them to decode_batch"):
        decode([b"LIC"])  # type: ignore[arg-type]


def test_a_list_of_files_needs_torch_or_goes_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(lic.LicError, match=r"pip install 'lic-codec\[train\]', or decode\(\) the files one by one"):
        decode_batch([b"LIC"])


@pytest.mark.parametrize("value", [255.0, -0.1, float("nan")])
def test_values_beyond_0_to_1_are_refused(value: float, batch: torch.Tensor) -> None:
    with pytest.raises(BadImage, match="divide grey levels by 255"):
        encode(torch.full((3, 16, 16), value))
