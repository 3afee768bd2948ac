"""Engines agree with one another; the light one needs no torch and knows its own derivative."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from lic import BadSetting, LicError
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.engine import Floats
from lic.codec.transform.engines import MakeEngine, choose_engine
from lic.codec.transform.light_engine import LightEngine
from lic.codec.transform.tiled import grey_levels
from lic.codec.transform.torch_engine import TorchEngine
from lic.codec.transform.torch_network import freeze
from lic.models.architecture import KINDS, Architecture
from lic.models.autoencoder import RateDistortionAutoencoder

SIZES = [(n, m) for n in (3, 8, 20) for m in (5, 12)]  # ncnn treats multiples of 4, 8 and 16 channels apart


def random_model(kind: str, n: int = 8, m: int = 12) -> FrozenModel:
    """All weights at random; those of GDN keep their order of magnitude."""
    torch.manual_seed(n + m)
    network = RateDistortionAutoencoder(Architecture(kind, n, m), (0.01, 0.1))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if ".expand." in name:  # zero before training
                parameter.copy_(0.2 * torch.randn_like(parameter))
            if name.endswith(("beta_root", "gamma_root", ".place")):
                parameter.add_(0.1 * torch.randn_like(parameter))
    return freeze(network, {"name": kind})


def random_picture(rows: int, columns: int) -> Floats:
    return np.random.default_rng(rows).random((16 * rows, 16 * columns, 3), np.float32)


@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_latents_and_pictures_are_those_of_torch(kind: str, n: int, m: int) -> None:
    model = random_model(kind, n, m)
    light, other = LightEngine(model, threads=1), TorchEngine(model, threads=1)
    for rows, columns in ((1, 1), (1, 4), (3, 1), (4, 7)):
        picture = random_picture(rows, columns)
        latents = other.analyse(picture)
        np.testing.assert_allclose(light.analyse(picture), latents, atol=2e-5 * abs(latents).max())
        assert light.analyse(picture).shape == (m, rows, columns)
        latents = np.rint(5 * latents)
        pictures = light.synthesise(latents), other.synthesise(latents)
        np.testing.assert_allclose(*pictures, atol=2e-5 * abs(pictures[1]).max())


@pytest.mark.parametrize("engine", [LightEngine, TorchEngine])
@pytest.mark.parametrize("kind", KINDS)
def test_a_reduced_picture_has_the_means_of_squares(kind: str, engine: MakeEngine) -> None:
    found = engine(random_model(kind), 1)
    latents = np.random.default_rng(0).standard_normal((12, 3, 5), np.float32)
    whole = found.synthesise(latents)
    for reduce in (2, 4, 8):
        squares = whole.reshape(48 // reduce, reduce, 80 // reduce, reduce, 3).mean(axis=(1, 3))
        reduced = found.synthesise(latents, reduce=reduce)
        np.testing.assert_allclose(reduced, squares, atol=1e-5 * abs(whole).max())


@pytest.mark.parametrize("engine", [LightEngine, TorchEngine])
@pytest.mark.parametrize("kind", KINDS)
def test_stages_one_after_the_other_are_the_whole_transform(kind: str, engine: MakeEngine) -> None:
    model = random_model(kind)
    found, picture = engine(model, 1), random_picture(4, 7)
    latents = found.analyse(picture)
    part, back = picture, latents
    for stage in model.architecture.analysis_stages:
        part = found.analyse(part, stage.layers)
    for stage in model.architecture.synthesis_stages:
        back = found.synthesise(back, stage.layers)
    np.testing.assert_allclose(part, latents, atol=1e-6 * abs(latents).max())
    np.testing.assert_allclose(back, found.synthesise(latents), atol=1e-6)


def test_expected_latents_are_those_of_torch() -> None:
    model = random_model("residual")
    light, other = LightEngine(model, threads=1), TorchEngine(model, threads=1)
    known = np.random.default_rng(0).standard_normal((12, 5, 7), np.float32)
    for phase in (1, 2, 3):
        for origin in ((0, 0), (3, 8), (6, 1)):
            expected = other.expect(phase, known, origin)
            assert expected.std() > 0.01
            np.testing.assert_allclose(light.expect(phase, known, origin), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["photo", "photo-ms-ssim"])
def test_files_and_pixels_of_the_shipped_models_are_those_of_torch(name: str) -> None:
    """Symbols differ where the two fall to different sides of a half; pixels by a grey level in a few places."""
    model = find_model(name).load()
    engines = LightEngine(model, threads=1), TorchEngine(model, threads=1)
    picture = skimage.data.coffee()[:384, :576].astype(np.float32) / np.float32(255)
    point = model.at(model.position(60))
    latents = [engine.analyse(picture) for engine in engines]
    symbols = [point.quantise(y) for y in latents]
    differ = symbols[0] != symbols[1]
    assert differ.mean() < 1e-4
    assert np.abs(latents[0] - latents[1])[differ].max(initial=0) < 1e-4 / point.gain.max() or not differ.any()
    pixels = [grey_levels(engine.synthesise(point.dequantise(symbols[1]))).astype(int) for engine in engines]
    difference = np.abs(pixels[0] - pixels[1])
    assert difference.max() <= 1
    assert difference.mean() < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_slopes_are_those_of_torch_and_of_differences(kind: str) -> None:
    model = random_model(kind)
    light, other = LightEngine(model, threads=1), TorchEngine(model, threads=1)
    random = np.random.default_rng(0)
    latents, step = random.standard_normal((2, 12, 3, 5), np.float32)
    picture, back = light.linearise(latents)
    np.testing.assert_array_equal(picture, light.synthesise(latents))
    _, other_back = other.linearise(latents)
    for _ in range(2):
        slopes = random.standard_normal(picture.shape, np.float32)
        expected = other_back(slopes)
        np.testing.assert_allclose(back(slopes), expected, atol=1e-5 * abs(expected).max())
        ends = [light.synthesise(latents + sign * np.float32(1e-2) * step) for sign in (-1, 1)]
        change = np.vdot(slopes, (ends[1] - ends[0]) / 2e-2)
        assert float(np.vdot(back(slopes), step)) == pytest.approx(float(change), rel=0.02, abs=0.02)


@pytest.mark.parametrize("phase", [1, 3])
@pytest.mark.parametrize("origin", [(0, 0), (1, 0)])
def test_slopes_of_what_is_expected_are_those_of_torch(phase: int, origin: tuple[int, int]) -> None:
    model = random_model("residual")
    light, other = LightEngine(model, threads=1), TorchEngine(model, threads=1)
    random = np.random.default_rng(0)
    known, slopes = random.standard_normal((2, 12, 3, 5), np.float32)
    expected, back = light.linearise_expected(phase, known, origin)
    np.testing.assert_array_equal(expected, light.expect(phase, known, origin))
    other_expected, other_back = other.linearise_expected(phase, known, origin)
    np.testing.assert_allclose(expected, other_expected, atol=1e-5 * abs(expected).max())
    by_known = other_back(slopes)
    assert by_known.any()
    np.testing.assert_allclose(back(slopes), by_known, atol=1e-5 * abs(by_known).max())


@pytest.mark.parametrize("kind", KINDS)
def test_results_do_not_depend_on_the_number_of_threads(kind: str) -> None:
    model = random_model(kind, 16, 20)
    engines = [LightEngine(model, threads) for threads in (1, 2, 3)]
    for rows, columns in ((1, 1), (5, 9)):
        picture = random_picture(rows, columns)
        results = []
        for engine in engines:
            latents = engine.analyse(picture)
            decoded, back = engine.linearise(latents)
            results.append((latents, engine.synthesise(latents), decoded, back(picture)))
        for found in results[1:]:
            for a, b in zip(results[0], found, strict=True):
                np.testing.assert_array_equal(a, b)


def test_arrays_may_lie_in_memory_in_any_way() -> None:
    light = LightEngine(random_model("balle2017"), threads=1)
    picture = random_picture(2, 3)[::-1, ::-1]
    latents = light.analyse(picture)
    np.testing.assert_array_equal(latents, light.analyse(picture.copy()))
    turned = latents[:, ::-1]
    decoded, back = light.linearise(turned)
    np.testing.assert_array_equal(decoded, light.synthesise(turned.copy()))
    np.testing.assert_array_equal(back(picture), back(picture.copy()))


WITHOUT = """
import sys
for library in sys.argv[1].split():
    sys.modules[library] = None  # so that importing it fails
import numpy as np
import lic
from lic.codec.transform.engines import MakeEngine, choose_engine
y, x = np.mgrid[:70, :90]
picture = np.stack([2 * x, 2 * y, x + y], -1).astype(np.uint8)
try:
    print(choose_engine()[0])
    data = lic.encode(picture, quality=60, effort=1, model="tiny")
    error = np.abs(np.array(lic.decode(data)).astype(int) - picture)
    print(len(data) < picture.size, error.mean() < 20)
except lic.LicError as error:
    print(error)
"""


def what_works_without(*libraries: str) -> list[str]:
    command = [sys.executable, "-c", WITHOUT, " ".join(libraries)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_encoding_with_effort_and_decoding_need_no_torch(tiny_model_path: Path) -> None:
    assert what_works_without("torch") == ["light", "True True"]


def test_torch_is_used_where_ncnn_is_missing_and_the_error_says_what_to_install(tiny_model_path: Path) -> None:
    assert what_works_without("ncnn") == ["torch", "True True"]
    assert what_works_without("ncnn", "torch") == ["no library is installed that runs networks: pip install ncnn"]


def test_a_variable_chooses_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("light", "torch"):
        monkeypatch.setenv("LIC_ENGINE", name)
        assert choose_engine()[0] == name
    monkeypatch.setitem(sys.modules, "lic.codec.transform.torch_engine", None)
    with pytest.raises(LicError, match="pip install"):
        choose_engine()
    monkeypatch.setenv("LIC_ENGINE", "steam")
    with pytest.raises(BadSetting, match="light, torch"):
        choose_engine()
