import dataclasses
import inspect
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from lic import BadModel, BadSetting, Corrupt, ModelNotFound, NotALicFile, decode, encode, read_info
from lic.codec.decoder import read_symbols
from lic.codec.encode import pipeline
from lic.codec.encode.pipeline import encode_picture
from lic.codec.encode.settings import NAMES, Settings
from lic.codec.file.container import parse
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Look
from lic.codec.picture.fidelity import ms_ssim, psnr
from lic.codec.picture.reading import read_image
from lic.codec.transform.engine import engine_of
from lic.codec.transform.numpy_engine import NumpyEngine
from tests.codec.transform.random_models import with_extras
from tests.conftest import Pixels

AROUND_A_BLOCK = (1, 2, 15, 16, 17, 32, 33)  # sides of pictures; a block is 16 x 16
pytestmark = pytest.mark.usefixtures("tiny_model_path")


def error(a: Pixels, b: Pixels) -> float:
    """Root mean square difference in grey levels."""
    return float(np.sqrt(np.mean((a.astype(float) - b.astype(float)) ** 2)))


def test_a_photo_comes_back_close(photo: Pixels) -> None:
    data = encode(photo, quality=100, model="tiny")
    decoded = decode(data)
    assert decoded.mode == "RGB" and decoded.size == (photo.shape[1], photo.shape[0])
    assert error(np.array(decoded), photo) < 16
    assert len(data) < photo.size / 6


def test_every_kind_of_input_gives_the_same_file(photo: Pixels, tmp_path: Path) -> None:
    image = Image.fromarray(photo)
    image.save(tmp_path / "photo.png")
    stream = io.BytesIO((tmp_path / "photo.png").read_bytes())
    inputs = [photo, image, tmp_path / "photo.png", str(tmp_path / "photo.png"), stream, photo[::-1][::-1]]
    assert len({encode(source, quality=30, model="tiny") for source in inputs}) == 1


def test_every_kind_of_file_decodes_alike(photo: Pixels, tmp_path: Path) -> None:
    data = encode(photo, quality=30, model="tiny")
    (tmp_path / "photo.lic").write_bytes(data)
    sources = [
        data,
        bytearray(data),
        memoryview(data),
        tmp_path / "photo.lic",
        str(tmp_path / "photo.lic"),
        io.BytesIO(data),
    ]
    assert len({decode(source).tobytes() for source in sources}) == 1


@pytest.mark.parametrize("heights", [AROUND_A_BLOCK, pytest.param(range(1, 41), marks=pytest.mark.slow)], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_small_sizes_round_trip(photo: Pixels, mode: str, heights: Iterable[int]) -> None:
    picture = np.array(Image.fromarray(photo).convert(mode))
    for height in heights:
        for width in AROUND_A_BLOCK:
            pixels = picture[:height, :width]
            decoded = np.array(decode(encode(pixels, quality=100, model="tiny")))
            assert decoded.shape == pixels.shape
            assert error(decoded, pixels) < 30, (height, width)


@pytest.mark.parametrize("shape", [(1, 700), (1100, 17), (333, 415)])
def test_odd_large_sizes(shape: tuple[int, int]) -> None:
    pixels = np.resize(skimage.data.astronaut(), (*shape, 3))
    decoded = decode(encode(pixels, quality=60, model="tiny"))
    assert decoded.size == (shape[1], shape[0])


def test_grey_pictures_come_back_grey(photo: Pixels) -> None:
    grey = np.array(Image.fromarray(photo).convert("L"))
    for source in (grey, Image.fromarray(grey)):
        decoded = decode(encode(source, quality=100, model="tiny"))
        assert decoded.mode == "L"
        assert error(np.array(decoded), grey) < 16


def test_quality_names_lambda_points_at_equal_distances(photo: Pixels) -> None:
    for quality, lambda_ in ((1, 0.002), (50.5, 0.02), (100, 0.2)):
        assert encode(photo, quality=quality, model="tiny") == encode(photo, lambda_=lambda_, model="tiny")


def test_finest_quality_steps_change_the_position(tiny_model: FrozenModel) -> None:
    positions = [tiny_model.position(q) for q in np.linspace(1, 100, 5000)]
    assert positions == sorted(positions)
    assert set(positions) == set(range(tiny_model.last_position + 1))
    assert tiny_model.quality(tiny_model.position(37.5)) == pytest.approx(37.5, abs=0.1)


def test_latents_move_to_those_of_a_second_look_as_far_as_the_model_says(
    photo: Pixels, tiny_model: FrozenModel
) -> None:
    first = engine_of(tiny_model).analyse(photo)
    second = engine_of(tiny_model).analyse(photo, Look(1))
    last = tiny_model.last_position
    for position, share in ((0, 0), (last // 4, 0.25), (last // 2, 0.5), (last, 1)):
        point = tiny_model.at(position)
        assert point.second_look == share
        file = parse(encode(photo, quality=tiny_model.quality(position), model="tiny"))
        symbols = read_symbols(file, tiny_model)
        expected = point.quantise(first + np.float32(share) * (second - first))
        np.testing.assert_array_equal(symbols, expected)
        if share > 0.25:
            assert (symbols != point.quantise(first)).mean() > 2e-3


@pytest.mark.parametrize("effort", [0, 1])
def test_a_quick_look_takes_the_second_ones_place_where_the_model_says_and_nothing_is_searched(
    photo: Pixels, tiny_model: FrozenModel, effort: int
) -> None:
    model = with_extras(dataclasses.replace(tiny_model, card=tiny_model.card | {"quick_look": [0, 0.4, 0]}))
    quick = [model.at(position).look(effort) == Look(share, quick=True) for position, share in ((128, 0.2), (256, 0.4))]
    assert quick == [effort == 0] * 2
    for position in (300, 512):  # between a point with a quick look and one with a second look, that one
        assert model.at(position).look(effort) == Look(tiny_model.at(position).second_look)
    data = encode_picture(read_image(photo), model, 256, effort=0)
    latents = NumpyEngine(model).analyse(photo, Look(0.4, quick=True))
    np.testing.assert_array_equal(read_symbols(parse(data), model), model.at(256).quantise(latents))


def test_real_size_is_close_to_the_ideal(photo: Pixels, tiny_model: FrozenModel) -> None:
    for quality in (1, 40, 77.7, 100):
        point = tiny_model.at(tiny_model.position(quality))
        ideal = point.coder.bits(point.quantise(engine_of(tiny_model).analyse(photo, point.look(0)))).sum() / 8
        data = encode(photo, quality=quality, model="tiny")
        assert len(parse(data).latents) <= 1.001 * ideal + 16
        assert len(data) - len(parse(data).latents) <= 24


def test_wild_latents_survive_exactly(photo: Pixels, tiny_model: FrozenModel, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    wild = rng.integers(-(2**29), 2**29, (12, 4, 5)).astype(np.int32)
    monkeypatch.setattr(pipeline, "choose_symbols", lambda *_: [wild])
    file = parse(encode(photo[:64, :80], quality=50, model="tiny"))
    np.testing.assert_array_equal(read_symbols(file, tiny_model), wild)


def test_read_info_tells_what_was_encoded(photo: Pixels, tiny_model: FrozenModel) -> None:
    data = encode(photo, quality=50.5, model="tiny")
    info = read_info(data)
    assert info.size == (photo.shape[1], photo.shape[0])
    assert (info.mode, info.bytes, info.position) == ("RGB", len(data), 256)
    assert info.bits_per_pixel == pytest.approx(8 * len(data) / photo[:, :, 0].size)
    assert info.model == tiny_model.fingerprint.hex()


def test_encoding_twice_gives_the_same_bytes(photo: Pixels) -> None:
    assert encode(photo, quality=44, model="tiny") == encode(photo, quality=44, model="tiny")


@pytest.mark.parametrize("quality", [0, 0.99, 100.01, -5, float("nan")])
def test_quality_out_of_range(photo: Pixels, quality: float) -> None:
    with pytest.raises(BadSetting, match="1 to 100"):
        encode(photo, quality=quality, model="tiny")


def test_a_lambda_lies_between_those_of_the_model(photo: Pixels, tiny_model: FrozenModel) -> None:
    point = tiny_model.at(parse(encode(photo, lambda_=0.05, model="tiny")).position)
    assert point.lambda_ == pytest.approx(0.05, rel=0.01)
    with pytest.raises(BadSetting, match=r"choose from 0\.002 to 0\.2"):
        encode(photo, lambda_=0.5, model="tiny")
    with pytest.raises(BadSetting, match="not both"):
        encode(photo, lambda_=0.02, quality=3, model="tiny")


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_tune_is_what_the_picture_is_good_at(name: str) -> None:
    photo = np.ascontiguousarray(getattr(skimage.data, name)()[40:260, 100:360])
    files = {tune: encode(photo, target_size=3000, tune=tune) for tune in (None, "psnr", "ms-ssim")}
    assert files[None] == files["psnr"]
    by_psnr, by_ms_ssim = (np.array(decode(files[tune])) for tune in ("psnr", "ms-ssim"))
    assert psnr(photo, by_psnr) > psnr(photo, by_ms_ssim)
    assert ms_ssim(photo, by_psnr) < ms_ssim(photo, by_ms_ssim)


@pytest.mark.parametrize(("model", "tune", "reason"), [("tiny", "psnr", "not both"), (None, "vmaf", "psnr or ms-ssim")])
def test_what_cannot_be_tuned_for(photo: Pixels, model: str | None, tune: str, reason: str) -> None:
    with pytest.raises(BadSetting, match=reason):
        encode(photo, model=model, tune=tune)


def test_missing_model_says_which_and_where(
    photo: Pixels, monkeypatch: pytest.MonkeyPatch, tiny_model: FrozenModel
) -> None:
    data = encode(photo, model="tiny")
    monkeypatch.delenv("LIC_MODELS")
    with pytest.raises(ModelNotFound, match=tiny_model.fingerprint.hex()):
        decode(data)
    with pytest.raises(ModelNotFound, match="no model named nobody"):
        encode(photo, model="nobody")


def test_latents_of_the_wrong_model_never_decode(photo: Pixels) -> None:
    data = encode(photo, model="tiny")
    file = parse(data)
    with pytest.raises(Corrupt, match="position"):
        read_symbols(
            type(file)(file.width, file.height, "RGB", 60_000, file.fingerprint, file.latents),
            coding_model(file.fingerprint),
        )


def coding_model(fingerprint: bytes) -> FrozenModel:

    return find_model(fingerprint=fingerprint).load()


def test_the_settings_are_the_parameters_of_encode() -> None:
    parameters = inspect.signature(encode).parameters
    assert [name for name in parameters if name not in ("image", "metadata")] == list(NAMES)
    assert all(parameters[field.name].default == field.default for field in dataclasses.fields(Settings))


@pytest.mark.parametrize("setting", ["quality", "lambda_", "target_size", "target_bpp", "target_psnr"])
@pytest.mark.parametrize("value", ["50", True, [1]])
def test_a_setting_that_is_no_number_is_named(photo: Pixels, setting: str, value: object) -> None:
    with pytest.raises(BadSetting, match=f"`{setting}` must be a number"):
        encode(photo, **{setting: value}, model="tiny")  # type: ignore[arg-type]


def test_what_holds_no_file_is_refused(photo: Pixels) -> None:
    for nothing in (photo, None, 7):
        with pytest.raises(NotALicFile, match="give the bytes"):
            decode(nothing)  # type: ignore[arg-type]


def test_a_model_may_be_given_to_decode_with(
    photo: Pixels, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encode(photo, quality=30, model="tiny")
    found = decode(data)
    assert decode(data, model="tiny").tobytes() == found.tobytes()
    monkeypatch.delenv("LIC_MODELS")
    assert decode(data, model=tiny_model_path).tobytes() == found.tobytes()
    with pytest.raises(BadModel, match="that it was encoded with"):
        decode(data, model="photo")


def test_info_tells_the_quality_where_the_model_is_found(photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(photo, quality=37, model="tiny")
    assert read_info(data).quality == pytest.approx(37, abs=0.1)
    monkeypatch.delenv("LIC_MODELS")
    assert read_info(data).quality is None
