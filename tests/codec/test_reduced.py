"""Pictures decoded at a fraction of their size: means of squares of pixels, or what a model's preview has for them."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lic import BadSetting, decode, encode
from lic.codec.decoder import decode_picture, read_symbols
from lic.codec.file.container import parse
from lic.codec.model.catalogue import MODELS_VARIABLE
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.numpy_engine import NumpyEngine
from lic.tools.cli import main
from tests.codec.transform.random_models import with_extras
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")


@pytest.mark.parametrize("engine", ["core", "torch"])
@pytest.mark.parametrize("reduce", [2, 4, 8])
def test_a_reduced_picture_has_the_means_of_the_whole(
    photo: Pixels, reduce: int, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to rounding, and clipping, which comes after the mean here and before it there."""
    monkeypatch.setenv("LIC_ENGINE", engine)
    data = encode(photo[:149, :203], quality=80, model="tiny")
    whole, small = decode(data), decode(data, reduce=reduce)
    inside = np.s_[: 149 // reduce, : 203 // reduce]  # beyond, means take in the padding
    assert small.size == (-(-203 // reduce), -(-149 // reduce))
    difference = np.abs(np.array(small).astype(int) - np.array(whole.reduce(reduce)))[inside]
    assert difference.mean() < 0.6


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_modes_regions_and_stored_pixels_are_reduced(photo: Pixels, mode: str) -> None:
    image = Image.fromarray(photo).convert(mode)
    if "A" in mode:
        image.putalpha(Image.fromarray(photo[:, :, 0]))
    data = encode(image, quality=50, model="tiny")
    small = decode(data, reduce=4)
    part = decode(data, reduce=4, region=(8, 20, 99, 90))
    assert (small.mode, part.mode, part.size) == (mode, mode, (23, 18))
    difference = np.abs(np.array(part).astype(int)[:-1, :-1] - np.array(small)[5:22, 2:24])
    assert difference.max() <= 1
    dot = encode(image.crop((0, 0, 3, 1)), quality=50, model="tiny")  # its pixels are stored
    mean = np.array(decode(dot))[:, :2].mean(axis=(0, 1))
    assert np.abs(np.array(decode(dot, reduce=2))[0, 0] - mean).max() <= 0.5


def test_what_is_no_reduction_is_refused(photo: Pixels) -> None:
    data = encode(photo, quality=20, model="tiny")
    with pytest.raises(BadSetting, match="give one of 1, 2, 4, 8"):
        decode(data, reduce=3)
    with pytest.raises(BadSetting, match="begin at 4,8"):
        decode(data, reduce=4, region=(6, 9, 20, 20))


def test_pillow_decodes_thumbnails_at_a_fraction_of_the_size(photo: Pixels) -> None:
    data = encode(photo, quality=50, model="tiny")
    height, width = photo.shape[:2]
    image = Image.open(io.BytesIO(data))
    assert image.draft(None, (width // 4, height // 4)) == (image.mode, (0, 0, width / 4, height / 4))
    np.testing.assert_array_equal(np.array(image), np.array(decode(data, reduce=4)))
    image = Image.open(io.BytesIO(data))
    image.draft(None, (width // 8, height // 8))
    image.draft(None, (width, height))  # the last word counts
    np.testing.assert_array_equal(np.array(image), np.array(decode(data)))
    small, whole = Image.open(io.BytesIO(data)), decode(data)
    small.thumbnail((32, 32))
    whole.thumbnail((32, 32))
    assert small.size == whole.size
    assert np.abs(np.array(small).astype(int) - np.array(whole)).mean() < 2


def test_the_command_reduces(photo: Pixels, tmp_path: Path) -> None:
    (tmp_path / "a.lic").write_bytes(encode(photo, quality=50, model="tiny"))
    assert main(["decode", str(tmp_path / "a.lic"), "--reduce", "8"]) == 0
    assert Image.open(tmp_path / "a.png").size == decode(tmp_path / "a.lic", reduce=8).size


@pytest.fixture
def model_with_preview(tmp_path: Path, tiny_model: FrozenModel, monkeypatch: pytest.MonkeyPatch) -> FrozenModel:
    """The tiny model, with a network for previews."""
    model = with_extras(tiny_model)
    (tmp_path / "tiny.safetensors").write_bytes(model.to_bytes())
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    return model


@pytest.mark.parametrize("reduce", [4, 8])
def test_a_model_may_compute_small_pictures_by_themselves(
    photo: Pixels, reduce: int, model_with_preview: FrozenModel
) -> None:
    """A picture by weights at random is like no other: so it tells who asked for it."""
    data, size = encode(photo, quality=80, model="tiny"), photo.shape[1::-1]
    symbols = read_symbols(parse(data), model_with_preview)
    point, everything = model_with_preview.at(parse(data).position), (0, 0, *size)
    strips = NumpyEngine(model_with_preview).decode([symbols], 0, point, size, everything, reduce, preview=True)
    small = np.concatenate([*strips])
    np.testing.assert_array_equal(np.array(decode(data, reduce=reduce)), small)
    part = decode(data, reduce=reduce, region=(64, 32, 203, 149))
    np.testing.assert_array_equal(np.array(part), small[32 // reduce :, 64 // reduce :][: part.height, : part.width])
    image = Image.open(io.BytesIO(data))
    image.draft(None, (size[0] // reduce, size[1] // reduce))
    np.testing.assert_array_equal(np.array(image), small)


def test_means_are_there_for_who_asks(
    photo: Pixels, model_with_preview: FrozenModel, tiny_model: FrozenModel, tmp_path: Path
) -> None:
    data = encode(photo, quality=80, model="tiny")
    assert model_with_preview.fingerprint == tiny_model.fingerprint
    for reduce in (2, 4, 8):
        file, region = parse(data), (0, 0, *photo.shape[1::-1])
        means = np.array(decode_picture(file, tiny_model, region, reduce))
        exact = np.array(decode(data, reduce=reduce, exact=True))
        np.testing.assert_array_equal(exact, means)
        assert np.array_equal(np.array(decode(data, reduce=reduce)), means) == (reduce == 2)
    (tmp_path / "a.lic").write_bytes(data)
    assert main(["decode", str(tmp_path / "a.lic"), "--reduce", "8", "--exact"]) == 0
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "a.png")), means)
    assert main(["decode", str(tmp_path / "a.lic"), "-o", str(tmp_path / "b.png"), "--exact"]) == 2
