"""The core computes the bits of the arithmetic in numpy, whatever the vectors, threads, strips and regions."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lic import BadSetting, LicError
from lic.codec.core import _core
from lic.codec.file.geometry import Region
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import ONE_LOOK, Look, Symbols
from lic.codec.picture.pixels import Pixels
from lic.codec.transform import core_engine
from lic.codec.transform.core_engine import CoreEngine
from lic.codec.transform.engine import Engine, choose_engine
from lic.codec.transform.numpy_engine import NumpyEngine
from lic.codec.transform.torch_engine import TorchEngine
from lic.models.architecture import KINDS
from tests.codec.transform.random_models import (
    POSITION,
    random_model,
    random_pixels,
    with_filter,
    with_tiny_latents,
)

SHAPES = [("balle2017", 3, 5), ("balle2017", 20, 12), ("residual", 8, 12), ("residual", 20, 37)]
SHAPES_AND_SIZES = [*((shape, (36, 50)) for shape in SHAPES), (SHAPES[0], (5, 131)), (SHAPES[2], (1, 1))]
A_LOOK = Look(0.8)
FUSED = r"\tv?fn?m(?:add|sub|la|ls)\S*"  # of x86 and ARM, as objdump names them


def symbols_of(engine: Engine, pixels: Pixels, model: FrozenModel, look: Look = A_LOOK) -> Symbols:
    return np.concatenate([*engine.encode(pixels, model.at(POSITION), look)], axis=1)


def decoded(engine: Engine, symbols: Symbols, model: FrozenModel, size: tuple[int, int], **options: Any) -> Pixels:
    region: Region = options.pop("region", (0, 0, *size))
    return np.concatenate([*engine.decode([symbols], 0, model.at(POSITION), size, region, **options)])


def everything(engine: Engine, pixels: Pixels, model: FrozenModel) -> list[NDArray[Any]]:
    """The results of all functions of an engine."""
    height, width = pixels.shape[:2]
    point, size = model.at(POSITION), (width, height)
    latents = [engine.analyse(pixels, look) for look in (ONE_LOOK, Look(1), Look(0.7, quick=True))]
    quick = symbols_of(engine, pixels, model, Look(0.7, quick=True))
    symbols = symbols_of(engine, pixels, model)
    chosen = np.concatenate([*engine.choose(latents[0], point)], axis=1)
    pictures = [decoded(engine, symbols, model, size, reduce=reduce) for reduce in (1, 2, 4, 8)]
    pictures += [decoded(engine, symbols, model, size, reduce=reduce, preview=True) for reduce in (4, 8)]
    rows = slice(0, symbols.shape[1])
    slopes = engine.slopes(symbols, pixels, point, rows)
    return [*latents, quick, symbols, chosen, *pictures, *slopes, engine.restore(symbols, point)]


def assert_equal(found: list[NDArray[Any]], expected: list[NDArray[Any]]) -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("shape", "size"), SHAPES_AND_SIZES)
def test_the_core_computes_the_bits_of_numpy(shape: tuple[str, int, int], size: tuple[int, int]) -> None:
    model, pixels = random_model(*shape), random_pixels(*size)
    assert_equal(everything(CoreEngine(model), pixels, model), everything(NumpyEngine(model), pixels, model))


@pytest.mark.parametrize("position", [0, 1, 31, 32, 100, 255])
def test_the_core_has_the_scales_of_numpy_between_lambda_points(position: int) -> None:
    model, pixels = with_filter(random_model("residual")), random_pixels(36, 50)
    point, found = model.at(position), []
    for engine in (CoreEngine(model), NumpyEngine(model)):
        symbols = np.concatenate([*engine.encode(pixels, point)], axis=1)
        found.append(
            [symbols, engine.restore(symbols, point), *engine.decode([symbols], 0, point, (50, 36), (0, 0, 50, 36))]
        )
    assert_equal(*found)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_do_not_depend_on_vectors_and_threads(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, pixels = random_model(kind, 20, 37), random_pixels(150, 170)
    expected = everything(CoreEngine(model), pixels, model)
    widths = [name for name in ("1", "4", "8", "16") if _core.has_kernels(name)]
    assert len(widths) >= 2
    for vectors, threads in [*((name, "1") for name in widths), (widths[-1], "3")]:
        monkeypatch.setenv("LIC_KERNELS", vectors)
        monkeypatch.setattr(core_engine, "threads", lambda threads=threads: int(threads))
        assert_equal(everything(CoreEngine(model), pixels, model), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_region_has_the_pixels_of_the_whole_picture(kind: str) -> None:
    model, pixels = random_model(kind), random_pixels(210, 330)
    engine = CoreEngine(model)
    symbols = symbols_of(engine, pixels, model)
    whole = decoded(engine, symbols, model, (330, 210))
    for left, top, right, bottom in ((0, 0, 3, 5), (100, 50, 300, 201), (321, 199, 330, 210), (17, 130, 18, 131)):
        part = decoded(engine, symbols, model, (330, 210), region=(left, top, right, bottom))
        np.testing.assert_array_equal(part, whole[top:bottom, left:right])
    for reduce in (4, 8):
        small = decoded(engine, symbols, model, (330, 210), reduce=reduce, preview=True)
        assert small.shape == (-(-210 // reduce), -(-330 // reduce), 3)
        part = decoded(engine, symbols, model, (330, 210), reduce=reduce, preview=True, region=(16, 64, 99, 201))
        np.testing.assert_array_equal(part, small[64 // reduce : -(-201 // reduce), 16 // reduce : -(-99 // reduce)])


@pytest.mark.parametrize("kind", KINDS)
def test_symbols_do_not_depend_on_how_many_come_at_a_time(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, pixels = random_model(kind), random_pixels(400, 50)
    engine, point = CoreEngine(model), model.at(POSITION)
    symbols = symbols_of(engine, pixels, model)
    whole = decoded(engine, symbols, model, (50, 400))
    monkeypatch.setattr(core_engine, "CHUNK_ROWS", 3)
    chunks = [*engine.encode(pixels, point, A_LOOK)]
    assert [chunk.shape[1] for chunk in chunks] == [3] * 8 + [1]
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), symbols)
    for rows in (4, 12, 16, 100):  # of whole cells
        monkeypatch.setattr(core_engine, "STRIP_ROWS", rows)
        strips = [*engine.decode(iter(chunks), 0, point, (50, 400), (0, 0, 50, 400))]
        assert len(strips) == -(-400 // rows)
        np.testing.assert_array_equal(np.concatenate(strips), whole)
    quick = [*engine.encode(pixels, point, Look(0.8, quick=True))]
    monkeypatch.undo()
    np.testing.assert_array_equal(np.concatenate(quick, axis=1), symbols_of(engine, pixels, model, Look(0.8, True)))


@pytest.mark.parametrize("reduce", [1, 4])
def test_wide_pictures_are_decoded_in_parts_to_the_same_pixels(monkeypatch: pytest.MonkeyPatch, reduce: int) -> None:
    model, pixels = random_model("residual"), random_pixels(50, 330)
    engine = CoreEngine(model)
    symbols = symbols_of(engine, pixels, model)
    whole = decoded(engine, symbols, model, (330, 50), region=(8, 4, 325, 47), reduce=reduce)
    monkeypatch.setattr(core_engine, "WIDE", 64)
    parts = decoded(engine, symbols, model, (330, 50), region=(8, 4, 325, 47), reduce=reduce)
    np.testing.assert_array_equal(parts, whole)
    small = decoded(engine, symbols, model, (330, 50), region=(8, 4, 325, 47), reduce=4, preview=True)
    monkeypatch.undo()
    small_at_once = decoded(engine, symbols, model, (330, 50), region=(8, 4, 325, 47), reduce=4, preview=True)
    np.testing.assert_array_equal(small, small_at_once)


@pytest.mark.parametrize("filters", [False, True])
def test_a_region_needs_no_symbols_beyond_the_reach(filters: bool) -> None:
    model, pixels = random_model("residual"), random_pixels(1600, 20)
    model = with_filter(model) if filters else model
    engine, reach, point = CoreEngine(model), model.architecture.decoding_reach, model.at(POSITION)
    symbols = symbols_of(engine, pixels, model)
    whole = decoded(engine, symbols, model, (20, 1600))
    for top, bottom in ((800, 816), (799, 801), (790, 791), (0, 30)):
        first, last = max(0, top // 16 - reach), -(-bottom // 16) + reach
        strips = engine.decode([symbols[:, first:last]], first, point, (20, 1600), (0, top, 20, bottom))
        np.testing.assert_array_equal(np.concatenate([*strips]), whole[top:bottom])


@pytest.mark.parametrize("kind", KINDS)
def test_results_are_nearly_those_of_torch(kind: str) -> None:
    """Symbols differ where the two fall to different sides of a half; pixels by a grey level in a few places."""
    model, pixels = random_model(kind), random_pixels(70, 90)
    core, other = CoreEngine(model), TorchEngine(model)
    for look in (ONE_LOOK, Look(0.5), Look(0.5, quick=True)):
        latents = other.analyse(pixels, look)
        np.testing.assert_allclose(core.analyse(pixels, look), latents, atol=1e-4 * abs(latents).max())
    symbols, point = symbols_of(core, pixels, model), model.at(POSITION)
    assert (symbols != symbols_of(other, pixels, model)).mean() < 1e-2
    for options in ({}, {"reduce": 4, "preview": True}):
        pictures = [decoded(engine, symbols, model, (90, 70), **options).astype(int) for engine in (core, other)]
        difference = np.abs(pictures[0] - pictures[1])
        assert difference.max() <= 1
        assert difference.mean() < 1e-2
    for found, expected in (
        (engine.slopes(symbols, pixels, point, slice(0, 5))[0] for engine in (core, other)),
        (engine.restore(symbols, point) for engine in (core, other)),
    ):
        assert np.linalg.norm(found - expected) < 0.02 * np.linalg.norm(expected)


def test_torch_keeps_the_settings_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    model, pixels, seen = random_model("residual"), random_pixels(36, 50), set[tuple[int, bool]]()
    engine, used = TorchEngine(model), torch.get_num_threads()

    def settings() -> tuple[int, bool]:
        return torch.get_num_threads(), torch.backends.cudnn.allow_tf32

    for part in (engine.network.analysis, engine.network.synthesis, *engine.network.predictors):
        part.register_forward_hook(lambda *_: seen.add(settings()))
    monkeypatch.setenv("LIC_THREADS", "3")
    torch.set_num_threads(2)
    try:
        before = settings()
        everything(engine, pixels, model)
        assert settings() == before and seen == {(3, False)}
    finally:
        torch.set_num_threads(used)


@pytest.mark.parametrize("kind", KINDS)
def test_slopes_are_those_of_differences(kind: str) -> None:
    """Half the squared error of pixels that are not rounded, by latents that move a little."""
    model, pixels = random_model(kind), random_pixels(48, 80)
    engine, point = NumpyEngine(model), model.at(POSITION)
    symbols = symbols_of(engine, pixels, model)
    slopes, _ = CoreEngine(model).slopes(symbols, pixels, point, slice(0, 3))
    at, step = engine.restore(symbols, point), np.random.default_rng(0).standard_normal(slopes.shape, np.float32)

    def half_the_error(latents: NDArray[np.float32]) -> float:
        given = np.clip(engine.synthesis(latents), -0.5, 0.5).astype(np.float64)
        return float(np.square(given - (pixels / 255 - 0.5)).sum() / 2)

    small = np.float32(1e-3) * np.abs(at).max()
    change = (half_the_error(at + small * step) - half_the_error(at - small * step)) / (2 * small)
    assert float(np.vdot(slopes, step)) == pytest.approx(change, rel=0.02, abs=0.01 * float(np.linalg.norm(slopes)))


def test_slopes_of_some_rows_are_those_of_all() -> None:
    model, pixels = random_model("residual"), random_pixels(300, 70)
    engine, point = CoreEngine(model), model.at(POSITION)
    symbols = symbols_of(engine, pixels, model)
    slopes, errors = engine.slopes(symbols, pixels, point, slice(0, 19))
    part, of_part = engine.slopes(symbols, pixels, point, slice(7, 12))
    np.testing.assert_array_equal(part, slopes[:, 7:12])
    np.testing.assert_array_equal(of_part[7:12], errors[7:12])
    squares = np.square(decoded(engine, symbols, model, (70, 300)).astype(int) - pixels)
    assert errors.sum() == squares.sum()
    assert errors[2, 3] == squares[32:48, 48:64].sum()


def test_arrays_may_lie_in_memory_in_any_way() -> None:
    model, pixels = random_model("residual"), random_pixels(70, 90)
    assert_equal(
        everything(CoreEngine(model), pixels[::-1, ::-1], model),
        everything(CoreEngine(model), pixels[::-1, ::-1].copy(), model),
    )


@pytest.mark.parametrize("count", [1, 2])
def test_what_the_process_has_set_for_small_numbers_does_not_matter_and_stays(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other libraries let the processor flush them to zero."""
    model, pixels = with_tiny_latents(random_model("balle2017")), random_pixels(150, 170)
    expected = CoreEngine(model).analyse(pixels)
    tiny = np.finfo(np.float32).tiny
    assert ((expected != 0) & (np.abs(expected) < tiny)).any() and (np.abs(expected) >= tiny).any()
    monkeypatch.setattr(core_engine, "threads", lambda: count)
    small = torch.tensor([1e-39])
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush small numbers to zero")
    try:
        found = CoreEngine(model).analyse(pixels)
        assert float(small + small) == 0
    finally:
        torch.set_flush_denormal(False)
    np.testing.assert_array_equal(found.view(np.int32), expected.view(np.int32))


def test_nothing_in_the_core_is_fused() -> None:
    """A product that is added without rounding makes other bits where a processor has that instruction."""
    if not shutil.which("objdump"):
        pytest.skip("objdump is not installed")
    listing = subprocess.run(["objdump", "-d", _core.__file__], capture_output=True, text=True, check=True).stdout
    assert re.search(r"\tv?f?mul", listing)
    assert not re.findall(FUSED, listing)


def test_arrays_that_are_too_small_are_refused() -> None:
    from lic.codec.transform.core_stream import Arrays, Network, Stream, Task

    model, pixels = random_model("residual"), random_pixels(70, 90)
    stream = Stream(Task.ANALYSE, Network(model), 1, (90, 70), model.at(POSITION))
    with pytest.raises(ValueError, match="pixels have the shape"):
        stream.run(Arrays(pixels=pixels[:50], latents_out=np.empty((12, 5, 6), np.float32)), 100, 5)
    with pytest.raises(ValueError, match="lack rows"):
        stream.run(Arrays(pixels=pixels, latents_out=np.empty((12, 3, 6), np.float32)), 100, 5)


WITHOUT = """
import sys
for library in sys.argv[1].split():
    sys.modules[library] = None  # so that importing it fails
import hashlib
import numpy as np
import lic
from lic.codec.transform.engine import choose_engine
y, x = np.mgrid[:70, :90]
picture = np.stack([2 * x, 2 * y, x + y], -1).astype(np.uint8)
data = lic.encode(picture, quality=60, effort=1, model="tiny")
print(choose_engine()[0])
print(hashlib.sha256(data + lic.decode(data).tobytes()).hexdigest())
"""


def what_is_made_without(*libraries: str) -> list[str]:
    command = [sys.executable, "-c", WITHOUT, " ".join(libraries)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_without_compiler_and_torch_files_and_pixels_are_the_same(tiny_model_path: Path) -> None:
    assert tiny_model_path.exists()
    compiled = what_is_made_without("torch")
    plain = what_is_made_without("torch", "lic.codec.core._core")
    assert (compiled[0], plain[0]) == ("core", "numpy")
    assert compiled[1] == plain[1]


def test_a_variable_chooses_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("core", "numpy", "torch"):
        monkeypatch.setenv("LIC_ENGINE", name)
        assert choose_engine()[0] == name
    monkeypatch.setitem(sys.modules, "lic.codec.transform.torch_engine", None)
    with pytest.raises(LicError, match="pip install"):
        choose_engine()
    monkeypatch.setenv("LIC_ENGINE", "steam")
    with pytest.raises(BadSetting, match="core, numpy, torch"):
        choose_engine()
