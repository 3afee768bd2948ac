"""The weights of a filter bring decoded pictures nearer to their originals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lic.codec.file.container import POSITIONS
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.picture.filtering import CLASSES, MOST_WEIGHTS, SHAPE, classes_of, filtered
from lic.codec.picture.pixels import Pixels
from lic.codec.transform.engine import decode_all, engine_of
from lic.tools.cli import main
from lic.tools.fitting.filter_fit import Equations, fit_filter
from lic.tools.usage import BadOptions


def blurred(pixels: Pixels) -> Pixels:
    return ((2 * pixels.astype(int) + np.roll(pixels, 1, 0) + np.roll(pixels, -1, 0)) // 4).astype(np.uint8)


def squared_error(a: Pixels, b: Pixels) -> int:
    return int(np.square(a.astype(int) - b).sum())


def test_weights_undo_a_blur_in_part(photo: Pixels) -> None:
    picture = photo[:160, :240]
    equations = Equations()
    equations.add(blurred(picture), picture)
    weights = equations.weights()
    assert weights.shape == SHAPE
    shown = filtered(blurred(picture), weights)
    assert squared_error(shown, picture) < 0.7 * squared_error(blurred(picture), picture)


def test_no_other_weights_are_much_better(photo: Pixels) -> None:
    """Up to rounding, and to the small penalty on weights."""
    picture, equations, random = photo[:160, :240], Equations(), np.random.default_rng(0)
    equations.add(blurred(picture), picture)
    weights = equations.weights()
    least = squared_error(filtered(blurred(picture), weights), picture)
    for _ in range(5):
        other = weights + random.integers(-20, 21, SHAPE)
        assert squared_error(filtered(blurred(picture), other), picture) > 0.99 * least


def test_what_is_decoded_without_error_stays(photo: Pixels) -> None:
    equations = Equations()
    equations.add(photo[:160, :240], photo[:160, :240])
    assert not equations.weights().any()


def test_classes_without_pixels_and_large_weights() -> None:
    """Noise that should be turned around would take weights beyond the bound."""
    noise = np.random.default_rng(0).normal(128, 1.5, (32, 64, 3)).astype(np.uint8)
    equations = Equations()
    equations.add(noise, (128 - 20 * (noise.astype(int) - 128)).clip(0, 255).astype(np.uint8))
    weights = equations.weights()
    assert 0 < np.abs(weights).sum(axis=-1).max() <= MOST_WEIGHTS
    absent = sorted({*range(CLASSES)} - {*classes_of(noise).ravel()})
    assert absent and not weights[absent].any()


def test_every_lambda_point_of_a_model_gains(tiny_model: FrozenModel, photo: Pixels) -> None:
    picture = photo[:160, :240]
    crops = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None]
    model = fit_filter(tiny_model, crops)
    for k in range(len(model.lambdas)):
        point, bare = model.at(k * POSITIONS), tiny_model.at(k * POSITIONS)
        symbols = [*engine_of(model).encode(picture, point)]
        after, before = (decode_all(symbols, m, p, (240, 160)) for m, p in ((model, point), (tiny_model, bare)))
        assert squared_error(after, picture) < squared_error(before, picture)
    assert np.array_equal(fit_filter(model, crops).filter, model.filter)  # an earlier filter does not matter


def test_a_model_file_gets_a_filter(
    tiny_model: FrozenModel, tiny_model_path: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "filtering.safetensors"
    assert main(["export", str(tiny_model_path), "--add", "filter", "-o", str(out)]) == 2
    assert "--data" in capsys.readouterr().err
    assert main(["export", str(tiny_model_path), "--add", "filter", "--data", str(pictures), "-o", str(out)]) == 0
    model = find_model(out).load()
    assert model.filter is not None and tiny_model.filter is None
    assert model.fingerprint != tiny_model.fingerprint == replace(model, filter=None).fingerprint


def test_models_for_other_measures_do_without(tiny_model: FrozenModel) -> None:
    model = replace(tiny_model, card=tiny_model.card | {"distortion": "ms-ssim"})
    with pytest.raises(BadOptions, match="squared error"):
        fit_filter(model, torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
