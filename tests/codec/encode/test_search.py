"""Refined symbols give smaller and better files; prices and slopes are correct."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from lic import BadSetting, decode, encode
from lic.codec.decoder import read_symbols
from lic.codec.encode.pipeline import encode_picture
from lic.codec.encode.search import Search, refine
from lic.codec.entropy import chunks
from lic.codec.entropy.walk import Symbols
from lic.codec.file.container import parse
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.loader import load_model
from lic.codec.picture.fidelity import psnr
from lic.codec.picture.reading import Picture, read_image
from lic.codec.transform.engine import decode_all, engine_of
from lic.codec.transform.torch_network import freeze
from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.pca import pca_start
from tests.codec.transform.random_models import with_extras
from tests.conftest import Pixels

GOLDEN = Path(__file__).parents[3] / "conformance"
MIDDLE = 256  # the position of the second of three lambda points


@pytest.fixture
def symbols(photo: Pixels, tiny_model: FrozenModel) -> Symbols:
    point = tiny_model.at(MIDDLE)
    return point.quantise(engine_of(tiny_model).analyse(photo, point.look(0)))


def refined(symbols: Symbols, photo: Pixels, model: FrozenModel, position: int, effort: int) -> Symbols:
    point = model.at(position)
    return refine(symbols, engine_of(model).analyse(photo, point.look(0)), photo, model, point, effort).symbols


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
    symbols = point.quantise(engine_of(tiny_model).analyse(photo, point.look(0)))
    found = [symbols] + [refined(symbols, photo, tiny_model, position, effort) for effort in (1, 8)]
    none, little, much = (loss_in_bits(s, photo, tiny_model, position) for s in found)
    assert little <= none
    assert much < 0.999 * none


def test_refinement_lowers_the_loss_with_expected_latents(photo: Pixels) -> None:
    """What is expected changes with the symbols of earlier phases, which slopes do not foresee."""
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
    assert (engine_of(model).restore(symbols, point) != point.dequantise(symbols)).any()
    found = refined(symbols, photo, model, MIDDLE, 8)
    assert loss_in_bits(found, photo, model, MIDDLE) < 0.997 * loss_in_bits(symbols, photo, model, MIDDLE)


@pytest.mark.parametrize("name", ["tiny", GOLDEN / "golden-contexts.safetensors"])
@pytest.mark.usefixtures("tiny_model_path")
def test_prices_of_neighbours_are_those_of_symbols_moved_there(photo: Pixels, name: str | Path) -> None:
    model = find_model(name).load()  # the one without contexts, the other with them
    point = model.at(MIDDLE)
    symbols = point.quantise(engine_of(model).analyse(photo, point.look(0)))
    numbers, prices = point.coder.find_tables(symbols), point.coder.prices
    last = np.flatnonzero(symbols.any(axis=(1, 2)))[-1]
    for where in ((last, 0, 1), (last, 4, 7), (last, 7, 12)):  # coded last of all, so that nothing depends on them
        for shift in (-1, 0, 1, 2000):
            moved = symbols.copy()
            moved[where] += shift
            assert prices.bits(moved, numbers)[where] == point.coder.bits(moved)[where]


def test_a_channel_out_of_use_stays_so(symbols: Symbols, tiny_model: FrozenModel, photo: Pixels) -> None:
    symbols[7:] = 0
    coder = tiny_model.at(MIDDLE).coder
    assert not coder.bits(symbols)[7:].any()
    assert np.isinf(coder.prices.bits(symbols + 1, coder.find_tables(symbols))[7:]).all()
    assert not refined(symbols, photo, tiny_model, MIDDLE, 2)[7:].any()
    assert not refined(symbols * 0, photo, tiny_model, MIDDLE, 2).any()


def test_the_search_counts_the_bits_and_errors_of_files(
    symbols: Symbols, photo: Pixels, tiny_model: FrozenModel
) -> None:
    point, (height, width) = tiny_model.at(MIDDLE), photo.shape[:2]
    search = Search(symbols, engine_of(tiny_model).analyse(photo, point.look(0)), photo, tiny_model, point)
    search.round(symbols)
    assert search.start is not None
    bits, errors = search.start
    decoded = decode_all([symbols], tiny_model, point, (width, height))
    assert errors == np.square(decoded.astype(int) - photo).sum()
    assert bits == pytest.approx(8 * len(point.coder.encode(symbols)), rel=0.01)


def test_pictures_of_several_chunks(photo: Pixels, tiny_model: FrozenModel) -> None:
    tall = np.tile(photo[:, :60], (6, 1, 1))  # 1218 rows: two chunks
    point = tiny_model.at(MIDDLE)
    symbols = point.quantise(engine_of(tiny_model).analyse(tall, point.look(0)))
    found = refined(symbols, tall, tiny_model, MIDDLE, 3)
    assert (found != symbols)[:, :64].any()
    assert (found != symbols)[:, 64:].any()
    assert loss_in_bits(found, tall, tiny_model, MIDDLE) < 0.995 * loss_in_bits(symbols, tall, tiny_model, MIDDLE)


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


def test_where_effort_looks_otherwise_no_file_is_longer_and_no_picture_worse(
    photo: Pixels, tiny_model: FrozenModel
) -> None:
    """Without effort this model takes a quick look, with it the second one."""
    model = with_extras(dataclasses.replace(tiny_model, card=tiny_model.card | {"quick_look": [0, 0.4, 0]}))
    assert model.at(MIDDLE).look(0) != model.at(MIDDLE).look(1)
    picture, sizes, qualities = read_image(photo), [], []
    for effort in (0, 1, 4):
        data = encode_picture(picture, model, MIDDLE, effort)
        shown = decode_all([read_symbols(parse(data), model)], model, model.at(MIDDLE), photo.shape[1::-1])
        sizes.append(len(data))
        qualities.append(psnr(photo, shown))
    assert max(sizes) == sizes[0] and min(qualities) == qualities[0]
    assert sizes[2] < sizes[0] and qualities[2] > qualities[0]


def test_models_for_ms_ssim_are_not_refined_by_squared_error(
    tiny_model: FrozenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tiny_model.card, "distortion", "ms-ssim")
    tiny_model.check_effort(0)
    with pytest.raises(BadSetting, match="squared error"):
        tiny_model.check_effort(1)
