"""The filter behind the synthesis: what it does to pixels, and that all engines do the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lic import BadModel, decode, encode
from lic.codec.core import _core
from lic.codec.entropy.tables import Ints
from lic.codec.file.container import POSITIONS, parse
from lic.codec.model.catalogue import MODELS_VARIABLE, find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.picture import filtering
from lic.codec.picture.filtering import BLOCK_COLUMNS, BLOCK_ROWS, CLASSES, SHAPE, classes_of, filtered
from lic.codec.picture.pixels import Pixels
from lic.codec.transform import core_engine
from lic.codec.transform.core_engine import CoreEngine
from lic.codec.transform.engine import Engine
from lic.codec.transform.numpy_engine import NumpyEngine
from lic.codec.transform.torch_engine import TorchEngine
from lic.models.architecture import KINDS
from tests.codec.transform.random_models import POSITION, random_model, random_pixels, with_filter
from tests.codec.transform.test_engines import assert_equal, decoded, everything, symbols_of

SIZES = [(1, 1), (2, 3), (4, 8), (8, 8), (5, 131), (70, 90)]  # of pictures


def weights_of(tap: int, weight: int, plane: int = 0) -> Ints:
    """One weight alone, for all classes."""
    weights = np.zeros(SHAPE, np.int64)
    weights[:, plane, tap] = weight
    return weights


def dot(brightness: int) -> Pixels:
    pixels = np.full((16, 16, 3), 100, np.uint8)
    pixels[7, 9] += brightness
    return pixels


def test_weights_of_zero_change_nothing() -> None:
    pixels = random_pixels(48, 64)
    np.testing.assert_array_equal(filtered(pixels, np.zeros(SHAPE, np.int64)), pixels)


def test_a_flat_picture_stays_flat() -> None:
    pixels = np.full((16, 32, 3), (7, 250, 90), np.uint8)
    weights = np.random.default_rng(0).integers(-50, 50, SHAPE)
    np.testing.assert_array_equal(filtered(pixels, weights), pixels)


def test_a_weight_takes_from_a_pixel_and_gives_to_two_neighbours() -> None:
    """Brightness is the sum of three levels: 1/3 of a weight's share goes to each."""
    shown = filtered(dot(60), weights_of(filtering.NEIGHBOURS.index((1, 0)), 2**filtering.WEIGHT_BITS // 6))
    assert shown[7, 9, 0] == 160 - 60
    assert shown[6, 9, 0] == shown[8, 9, 0] == 100 + 30
    assert (shown != 100).any(axis=2).sum() == 2


def test_constrained_differences_go_up_to_a_limit() -> None:
    """Brightness is the sum of three levels, so its limit is 7 of them."""
    tap = len(filtering.NEIGHBOURS) + filtering.NEIGHBOURS.index((0, 1))
    for above, expected in ((4, 4), (7, 7), (60, 0)):
        shown = filtered(dot(above), weights_of(tap, 2**filtering.WEIGHT_BITS // 6))
        assert shown[7, 8, 0] == 100 + expected


def test_levels_are_clipped() -> None:
    for sign, extreme in ((1, 255), (-1, 0)):
        assert filtered(dot(155), weights_of(0, 600 * sign))[7, 8, 0] == extreme


def test_a_difference_of_colours_keeps_brightness() -> None:
    pixels = random_pixels(32, 32) // 2 + 60
    for plane in (1, 2):
        shown = filtered(pixels, weights_of(0, 100, plane)).astype(int)
        assert np.abs(shown.sum(axis=2) - pixels.sum(axis=2)).max() <= 2
        assert (shown != pixels).any()


def test_classes_tell_how_much_blocks_bend_and_in_which_direction() -> None:
    y, x = np.mgrid[:16, :32]
    flat, down, across, falling, rising = (
        classes_of(np.repeat((128 + 100 * np.cos(wave))[..., None], 3, axis=2).astype(np.uint8))[4, 8]
        for wave in (0 * x, 1.5 * y, 1.5 * x, x + y, x - y)
    )
    assert flat == 0
    assert [c - CLASSES + filtering.DIRECTIONS for c in (down, across, falling, rising)] == [1, 2, 3, 4]
    noise = np.random.default_rng(0)
    found = [classes_of(noise.normal(128, s, (16, 32, 1)).repeat(3, 2).astype(np.uint8))[4, 8] for s in (0.5, 2, 4, 40)]
    assert [c // filtering.DIRECTIONS for c in found] == sorted({c // filtering.DIRECTIONS for c in found})


def test_blocks_have_a_class_each(photo: Pixels) -> None:
    classes = classes_of(photo[:160, :240])
    blocks = classes.reshape(160 // BLOCK_ROWS, BLOCK_ROWS, 240 // BLOCK_COLUMNS, BLOCK_COLUMNS)
    assert (blocks == blocks[:, :1, :, :1]).all()
    assert len(np.unique(classes)) >= CLASSES - 5


@pytest.mark.parametrize("size", SIZES)
def test_the_core_filters_to_the_bits_of_numpy(size: tuple[int, int]) -> None:
    model, pixels = with_filter(random_model("residual")), random_pixels(*size)
    assert_equal(everything(CoreEngine(model), pixels, model), everything(NumpyEngine(model), pixels, model))


def test_the_core_knows_the_classes_of_numpy(tiny_model: FrozenModel, photo: Pixels) -> None:
    model, pixels = with_filter(tiny_model), photo[:160, :240]
    symbols = symbols_of(CoreEngine(model), pixels, model)
    bare = decoded(CoreEngine(tiny_model), symbols, tiny_model, (240, 160))
    assert len(np.unique(classes_of(bare))) > CLASSES // 2
    weights = model.at(POSITION).filter
    assert weights is not None
    np.testing.assert_array_equal(decoded(CoreEngine(model), symbols, model, (240, 160)), filtered(bare, weights))


@pytest.mark.parametrize("make", [CoreEngine, NumpyEngine, TorchEngine])
def test_every_engine_filters_the_levels_that_it_has_rounded(make: type[Engine]) -> None:
    model, pixels = random_model("residual"), random_pixels(70, 90)
    symbols, size = symbols_of(CoreEngine(model), pixels, model), (96, 80)  # whole blocks
    bare, whole = (decoded(make(m), symbols, m, size) for m in (model, with_filter(model)))
    weights = with_filter(model).at(POSITION).filter
    assert weights is not None
    np.testing.assert_array_equal(whole, filtered(bare, weights))
    assert (whole != bare).mean() > 0.5


def test_a_cropped_picture_is_filtered_before_it_is_cropped() -> None:
    model, pixels = with_filter(random_model("balle2017")), random_pixels(70, 90)
    symbols = symbols_of(CoreEngine(model), pixels, model)
    whole, part = (decoded(CoreEngine(model), symbols, model, size) for size in ((96, 80), (90, 70)))
    np.testing.assert_array_equal(part, whole[:70, :90])


@pytest.mark.parametrize("kind", KINDS)
def test_filtered_bits_do_not_depend_on_vectors_and_threads(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, pixels = with_filter(random_model(kind)), random_pixels(150, 170)
    expected = everything(CoreEngine(model), pixels, model)
    widths = [name for name in ("1", "4", "8", "16") if _core.has_kernels(name)]
    for vectors, threads in [*((name, 1) for name in widths), (widths[-1], 3)]:
        monkeypatch.setenv("LIC_KERNELS", vectors)
        monkeypatch.setattr(core_engine, "threads", lambda threads=threads: threads)
        assert_equal(everything(CoreEngine(model), pixels, model), expected)


def test_a_region_is_filtered_as_in_the_whole_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    model, pixels = with_filter(random_model("residual")), random_pixels(210, 330)
    engine = CoreEngine(model)
    symbols = symbols_of(engine, pixels, model)
    whole = decoded(engine, symbols, model, (330, 210))
    for region in ((0, 0, 3, 5), (100, 50, 300, 201), (321, 199, 330, 210), (17, 130, 18, 131), (63, 15, 66, 17)):
        left, top, right, bottom = region
        np.testing.assert_array_equal(
            decoded(engine, symbols, model, (330, 210), region=region), whole[top:bottom, left:right]
        )
    monkeypatch.setattr(core_engine, "WIDE", 64)
    np.testing.assert_array_equal(decoded(engine, symbols, model, (330, 210)), whole)


def test_strips_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    model, pixels = with_filter(random_model("residual")), random_pixels(400, 50)
    engine, point = CoreEngine(model), model.at(POSITION)
    symbols = symbols_of(engine, pixels, model)
    whole = decoded(engine, symbols, model, (50, 400))
    monkeypatch.setattr(core_engine, "STRIP_ROWS", 8)
    chunks = (symbols[:, row : row + 3] for row in range(0, 25, 3))
    strips = [*engine.decode(chunks, 0, point, (50, 400), (0, 0, 50, 400))]
    assert len(strips) == 50
    np.testing.assert_array_equal(np.concatenate(strips), whole)


@pytest.mark.parametrize("make", [CoreEngine, NumpyEngine])
def test_reduced_pictures_are_not_filtered(make: type[Engine]) -> None:
    model, pixels = random_model("residual"), random_pixels(70, 90)
    symbols = symbols_of(CoreEngine(model), pixels, model)
    for reduce in (2, 4, 8):
        with_it, without = (decoded(make(m), symbols, m, (90, 70), reduce=reduce) for m in (with_filter(model), model))
        np.testing.assert_array_equal(with_it, without)


def test_errors_are_those_of_the_filtered_picture() -> None:
    model, pixels = with_filter(random_model("residual")), random_pixels(96, 80)
    engine = CoreEngine(model)
    symbols = symbols_of(engine, pixels, model)
    _, errors = engine.slopes(symbols, pixels, model.at(POSITION), slice(0, 6))
    shown = decoded(engine, symbols, model, (80, 96)).astype(int)
    assert errors.sum() == np.square(shown - pixels).sum()


def test_weights_are_interpolated_between_lambda_points(tiny_model: FrozenModel) -> None:
    model = with_filter(tiny_model)
    assert model.filter is not None
    at = [model.at(position).filter for position in (0, POSITIONS // 4, POSITIONS, 2 * POSITIONS)]
    for k, position in ((0, 0), (1, 2), (2, 3)):
        np.testing.assert_array_equal(at[position], model.filter[k])
    np.testing.assert_array_equal(at[1], np.floor(0.75 * model.filter[0] + 0.25 * model.filter[1] + 0.5))
    assert tiny_model.at(0).filter is None


def test_the_filter_belongs_to_the_model(tiny_model: FrozenModel, tmp_path: Path) -> None:
    model = with_filter(tiny_model)
    path = tmp_path / "filtering.safetensors"
    path.write_bytes(model.to_bytes())
    again = find_model(path).load()
    np.testing.assert_array_equal(again.filter, model.filter)
    assert again.to_bytes() == model.to_bytes()
    assert model.fingerprint != tiny_model.fingerprint == replace(model, filter=None).fingerprint


def test_weights_that_are_too_large_are_refused(tiny_model: FrozenModel, tmp_path: Path) -> None:
    model = with_filter(tiny_model)
    assert model.filter is not None
    too_large = model.filter.copy()
    too_large[1, 2, 0, :2] = filtering.MOST_WEIGHTS // 2, -filtering.MOST_WEIGHTS
    for weights, reason in ((too_large, "out of range"), (model.filter[:, :24], "tensor filter is")):
        path = tmp_path / "broken.safetensors"
        path.write_bytes(replace(model, filter=weights).to_bytes())
        with pytest.raises(BadModel, match=reason):
            find_model(path).load()


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (8, 8), (40, 30)])
def test_files_of_a_model_with_a_filter(
    size: tuple[int, int], tiny_model: FrozenModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In colour and grey; a grey picture is one of three equal channels, which the filter may tinge."""
    path, model = tmp_path / "filtering.safetensors", with_filter(tiny_model)
    path.write_bytes(model.to_bytes())
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    pixels = random_pixels(*size)
    colour, grey = (encode(p, model=str(path), quality=70, lossless=False) for p in (pixels, pixels[..., 0]))
    if parse(colour).lossless:
        np.testing.assert_array_equal(decode(colour), pixels)
        return
    assert decode(grey).mode == "L"
    for data in (colour, grey):
        shown = np.asarray(decode(data, reduce=1).convert("RGB"))
        assert shown.shape == pixels.shape
    engine, point = NumpyEngine(model), model.at(parse(colour).position)
    symbols = np.concatenate([*engine.encode(pixels, point)], axis=1)
    expected = np.concatenate([*engine.decode([symbols], 0, point, size[::-1], (0, 0, *size[::-1]))])
    np.testing.assert_array_equal(decode(colour), expected)
