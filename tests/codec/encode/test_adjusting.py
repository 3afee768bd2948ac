"""The filter adjusted to a picture: what is fitted, what files say of it, and what decoders do."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st

from lic import Corrupt, decode, read_info
from lic.codec.decoder import operating_point, read_symbols
from lic.codec.encode import adjusting
from lic.codec.encode.adjusting import adjust, least, size_of
from lic.codec.encode.pipeline import encode_picture
from lic.codec.encode.targets import Tries
from lic.codec.entropy.tables import Ints
from lic.codec.file.container import ADJUSTMENT, Section, build, parse
from lic.codec.model.catalogue import MODELS_VARIABLE, find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.picture import filtering
from lic.codec.picture.adjustment import MOST, SHAPE, UNIT, length_of, pack, unpack
from lic.codec.picture.fidelity import psnr
from lic.codec.picture.filtering import TAPS, filtered
from lic.codec.picture.pixels import Pixels
from lic.codec.picture.reading import read_image
from lic.codec.transform.core_engine import CoreEngine
from lic.codec.transform.engine import Engine
from lic.codec.transform.numpy_engine import NumpyEngine
from tests.codec.transform.random_models import POSITION, random_model, random_pixels, with_filter

GOLDEN = Path(__file__).parents[3] / "conformance"
ADDED = np.random.default_rng(1).integers(-20, 21, SHAPE)


def plain_filter(model: FrozenModel) -> FrozenModel:
    """A filter that changes nothing, until it is adjusted."""
    return dataclasses.replace(model, filter=np.zeros((len(model.lambdas), *filtering.SHAPE), np.int64))


@pytest.fixture
def golden(monkeypatch: pytest.MonkeyPatch) -> FrozenModel:
    monkeypatch.setenv(MODELS_VARIABLE, str(GOLDEN))
    return find_model("golden-filter").load()


# ---- as bits ----


@given(st.lists(st.lists(st.integers(-32, 32), min_size=TAPS, max_size=TAPS), min_size=3, max_size=3))
def test_what_is_written_is_read(added: list[list[int]]) -> None:
    payload = pack(np.array(added))
    np.testing.assert_array_equal(unpack(payload), UNIT * np.array(added))
    bits = sum(1 + any(plane) * sum(map(length_of, plane)) for plane in added)
    assert len(payload) == -(-bits // 8)


def test_sums_up_to_the_most_are_read() -> None:
    added = np.zeros(SHAPE, np.int64)
    added[0, 0], added[2, -1], added[2, 0] = -MOST, MOST - 1, -1
    np.testing.assert_array_equal(unpack(pack(added)), UNIT * added)
    added[2, 3] = 1
    with pytest.raises(Corrupt, match="damaged"):
        unpack(pack(added))


@given(st.binary(max_size=30))
def test_any_bytes_are_an_adjustment_or_damaged(payload: bytes) -> None:
    try:
        added = unpack(payload)
    except Corrupt:
        return
    assert np.abs(added).sum(axis=1).max() <= UNIT * MOST


# ---- the fit ----


def problem(seed: int) -> tuple[Ints, Ints]:
    random = np.random.default_rng(seed)
    terms = random.integers(-30, 31, (TAPS, 400)) + random.integers(-30, 31, (3, 400))[np.arange(TAPS) // 4]
    return terms @ terms.T, terms @ random.integers(-60, 61, 400)


@pytest.mark.parametrize("seed", range(5))
def test_the_least_error_is_that_of_least_squares(seed: int) -> None:
    squares, products = problem(seed)
    exact = np.linalg.solve(squares, 1000 * products)
    found = np.array(least(1000 * squares, 1000_000 * products, 0))
    room = MOST / np.abs(exact).sum()
    if room > 1.1:
        assert np.abs(found - exact).max() < 4
    assert np.abs(found).sum() <= MOST


def test_a_price_leaves_small_weights_out() -> None:
    squares, products = problem(0)
    lengths, errors = [], []
    for price in (0, 10**7, 10**8, 10**9):
        w = np.array(least(100 * squares, 10_000 * products, price))
        lengths.append(sum(map(length_of, w.tolist())))
        errors.append(int(100 * w @ squares @ w - 2 * 10_000 * products @ w))
        assert errors[-1] + price * lengths[-1] < 0 or not w.any()
    assert lengths[0] > lengths[1] > lengths[2] > lengths[3] == TAPS * length_of(0)
    assert errors[0] < errors[1] < errors[2] < errors[3] == 0


def test_sums_over_a_picture_do_not_depend_on_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    bare, pixels = random_pixels(48, 64), np.roll(random_pixels(48, 64), 1, axis=0)[:41, :50]
    before = filtered(bare, np.zeros(filtering.SHAPE, np.int64))
    whole = adjusting._equations(bare, before, pixels)
    monkeypatch.setattr(adjusting, "AT_ONCE", 350)  # 7 rows
    for (squares, products), (squares2, products2) in zip(
        whole, adjusting._equations(bare, before, pixels), strict=True
    ):
        np.testing.assert_array_equal(squares, squares2)
        np.testing.assert_array_equal(products, products2)
    plane = bare @ filtering.PLANES[2]
    terms = [d[:41, :50].ravel() for d in filtering.differences(plane, filtering.LIMITS[2])]
    errors = ((pixels.astype(int) - before[:41, :50]) @ filtering.PLANES[2]).ravel()
    np.testing.assert_array_equal(whole[2][0], np.array(terms) @ np.array(terms).T)
    np.testing.assert_array_equal(whole[2][1], np.array(terms) @ errors)


def test_an_adjustment_lowers_the_errors_as_it_says(photo: Pixels, tiny_model: FrozenModel) -> None:
    model, pixels = plain_filter(tiny_model), photo[:150, :230]
    point, engine = model.at(POSITION), CoreEngine(model)
    symbols = np.concatenate([*engine.encode(pixels, point)], axis=1)
    found = adjust(symbols, pixels, model, point)
    assert [section.tag for section in found.sections] == [ADJUSTMENT]
    errors = []
    for p in (point, found.point):
        shown = np.concatenate([*engine.decode([symbols], 0, p, (230, 150), (0, 0, 230, 150))])
        errors.append(int(np.square(shown.astype(int) - pixels).sum()))
    assert errors[1] < 0.995 * errors[0]
    assert (errors[0] - errors[1]) * point.lambda_ / 3 > 8 * size_of(found.sections)


def test_nothing_is_sent_where_it_does_not_pay(photo: Pixels, tiny_model: FrozenModel) -> None:
    small = photo[:20, :20]
    for model, pixels in ((plain_filter(tiny_model), small), (tiny_model, photo[:150, :230])):
        point = model.at(POSITION)
        symbols = np.concatenate([*CoreEngine(model).encode(pixels, point)], axis=1)
        assert adjust(symbols, pixels, model, point) == (point, ())


# ---- files ----


def test_effort_adjusts_the_filter_and_keeps_its_promise(tiny_model: FrozenModel) -> None:
    model, photo = plain_filter(tiny_model), skimage.data.astronaut()
    picture, found = read_image(photo), []
    for effort in (0, 1, 4):
        file = parse(encode_picture(picture, model, 0, effort))
        point, symbols = operating_point(file, model), read_symbols(file, model)
        shown = [*CoreEngine(model).decode([symbols], 0, point, photo.shape[1::-1], (0, 0, *photo.shape[1::-1]))]
        found.append((len(build(file)), psnr(photo, np.concatenate(shown)), file.section(ADJUSTMENT)))
    (size, quality, section), *more = found
    assert section is None
    assert all(s < size and q > quality and added for s, q, added in more)


def test_files_are_the_same_on_every_machine() -> None:
    model = plain_filter(find_model(GOLDEN / "golden-plain.safetensors").load())
    data = encode_picture(read_image(skimage.data.astronaut()), model, 0, effort=1)
    assert read_info(data).sections["F"] > 10
    assert hashlib.sha256(data).hexdigest()[:16] == "1ea119d1c46b66ac"


def test_engines_agree_on_adjustments(monkeypatch: pytest.MonkeyPatch) -> None:
    model, pixels = with_filter(random_model("residual")), random_pixels(70, 90)
    point = model.at(POSITION)
    symbols = np.concatenate([*CoreEngine(model).encode(pixels, point)], axis=1)
    found = []
    for make in (CoreEngine, NumpyEngine):
        monkeypatch.setattr(adjusting, "engine_of", make)
        monkeypatch.setattr("lic.codec.transform.engine.engine_of", make)
        found.append(adjust(symbols, pixels, model, point).sections)
    assert found[0] == found[1] and found[0]


@pytest.mark.parametrize("make", [CoreEngine, NumpyEngine])
@pytest.mark.parametrize("size", [(16, 16), (48, 144), (160, 32)])
def test_a_picture_is_filtered_by_itself_as_in_decoding(make: type[Engine], size: tuple[int, int]) -> None:
    model, pixels = with_filter(random_model("residual")), random_pixels(*size)
    point = model.at(POSITION).adjusted(UNIT * ADDED)
    assert point.filter is not None
    np.testing.assert_array_equal(make(model).filter(pixels, point), filtered(pixels, point.filter))


def test_what_is_added_is_added_to_all_classes(golden: FrozenModel) -> None:
    file = parse((GOLDEN / "filter-adjusted.lic").read_bytes())
    point, plain = operating_point(file, golden), golden.at(file.position)
    assert point.filter is not None and plain.filter is not None
    added = unpack(file.section(ADJUSTMENT) or b"")
    np.testing.assert_array_equal(point.filter - plain.filter, np.broadcast_to(added, filtering.SHAPE))
    symbols, size = read_symbols(file, golden), (file.width, file.height)
    weights = np.array(point.filter)
    bare = dataclasses.replace(point, filter=None)
    whole = next(NumpyEngine(golden).decode([symbols], 0, bare, (96, 80), (0, 0, 96, 80)))
    shown = np.array(decode(build(file)))
    np.testing.assert_array_equal(shown, filtered(whole, weights)[: size[1], : size[0]])


def test_regions_and_reduced_pictures_of_adjusted_files(golden: FrozenModel) -> None:
    data = (GOLDEN / "filter-adjusted.lic").read_bytes()
    whole = np.array(decode(data))
    for left, top, right, bottom in ((0, 0, 5, 3), (17, 15, 70, 66), (90, 74, 91, 75)):
        part = np.array(decode(data, region=(left, top, right, bottom)))
        np.testing.assert_array_equal(part, whole[top:bottom, left:right])
    for reduce in (2, 4, 8):
        np.testing.assert_array_equal(decode(data, reduce=reduce), decode(GOLDEN / "filter.lic", reduce=reduce))


def test_damaged_adjustments_are_refused_whatever_is_decoded(golden: FrozenModel) -> None:
    file = parse((GOLDEN / "filter.lic").read_bytes())
    data = build(dataclasses.replace(file, sections=(Section(ADJUSTMENT, b"\xff"),)))
    for options in ({}, {"region": (0, 0, 1, 1)}, {"reduce": 8}):
        with pytest.raises(Corrupt, match="adjustment of the filter is damaged"):
            decode(data, **options)  # type: ignore[arg-type]


def test_targets_are_of_adjusted_pictures(tiny_model: FrozenModel) -> None:
    model, photo = plain_filter(tiny_model), skimage.data.astronaut()
    tries = Tries(read_image(photo), model, effort=1)
    file = parse(tries.file(0))
    assert file.section(ADJUSTMENT)
    point, symbols, size = operating_point(file, model), read_symbols(file, model), photo.shape[1::-1]
    expected = np.concatenate([*CoreEngine(model).decode([symbols], 0, point, size, (0, 0, *size))])
    np.testing.assert_array_equal(tries.decoded(0), expected)
