"""Wanted sizes and qualities are met as closely as the positions allow, with one analysis."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lic import BadSetting, decode, encode, read_info
from lic.codec.encode import pipeline
from lic.codec.encode.targets import last_below
from lic.codec.file.container import parse
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import ONE_LOOK, Latents, Look
from lic.codec.picture.fidelity import ms_ssim, psnr, to_db
from lic.codec.transform.core_engine import CoreEngine
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=200, unique=True), st.data())
def test_the_search_finds_the_crossing_of_any_rising_function(values: list[int], data: st.DataObject) -> None:
    values.sort()
    target = data.draw(st.integers(values[0] + 1, values[-1]))
    found = last_below(values.__getitem__, target, len(values) - 1)
    assert values[found] < target <= values[found + 1]


def test_the_search_takes_few_steps_on_a_nearly_straight_function() -> None:
    asked = []
    last_below(lambda p: asked.append(p) or 30 + p / 200 - 1e-7 * p**2, 34.5, 1792)  # type: ignore[func-returns-value]
    assert len(asked) <= 6


def at(photo: Pixels, model: FrozenModel, position: int) -> bytes:
    return encode(photo, quality=model.quality(position), model="tiny")


def test_the_largest_file_not_above_the_target(photo: Pixels, tiny_model: FrozenModel) -> None:
    target = 1200
    data = encode(photo, target_size=target, model="tiny")
    position = read_info(data).position
    assert data == at(photo, tiny_model, position)
    assert 0.98 * target <= len(data) <= target < len(at(photo, tiny_model, position + 1))
    assert encode(photo, target_bpp=8 * (target + 0.5) / photo[..., 0].size, model="tiny") == data


def test_size_counts_alpha_and_metadata(photo: Pixels) -> None:
    rgba = np.dstack([photo, photo[:, :, 0] // 64 * 64])
    data = encode(rgba, target_size=14_000, model="tiny", metadata={"xmp": b"x" * 8000})
    assert 0.98 * 14_000 <= len(data) <= 14_000
    assert len(parse(data).latents) < 2000


@pytest.mark.parametrize("grey", [False, True])
def test_the_smallest_file_that_reaches_a_psnr(photo: Pixels, tiny_model: FrozenModel, grey: bool) -> None:
    pixels = np.array(Image.fromarray(photo).convert("L")) if grey else photo
    worst, best = (psnr(pixels, np.array(decode(at(pixels, tiny_model, p)))) for p in (0, tiny_model.last_position))
    target = (worst + 2 * best) / 3
    data = encode(pixels, target_psnr=target, model="tiny")
    before = at(pixels, tiny_model, read_info(data).position - 1)
    assert psnr(pixels, np.array(decode(before))) < target <= psnr(pixels, np.array(decode(data)))


def test_the_smallest_file_that_reaches_an_ms_ssim(photo: Pixels, tiny_model: FrozenModel) -> None:
    worst, best = (ms_ssim(photo, np.array(decode(at(photo, tiny_model, p)))) for p in (0, tiny_model.last_position))
    target = (worst + best) / 2
    data = encode(photo, target_ms_ssim=target, model="tiny")
    before = at(photo, tiny_model, read_info(data).position - 1)
    assert ms_ssim(photo, np.array(decode(before))) < target <= ms_ssim(photo, np.array(decode(data)))
    assert encode(photo, target_ms_ssim=max(1.0, to_db(target)), model="tiny") == data


def test_the_picture_is_analysed_once(photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Look] = []
    analyse = CoreEngine.analyse

    def counted(engine: CoreEngine, pixels: Pixels, look: Look = ONE_LOOK) -> Latents:
        looks.append(look)
        return analyse(engine, pixels, look)

    monkeypatch.setattr(CoreEngine, "analyse", counted)
    encode(photo, target_size=1000, model="tiny")
    assert looks == [ONE_LOOK, Look(1)]  # one look, and two for the lambda points that take a second one


def test_the_search_for_fewer_bits_runs_once_for_each_position(photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    positions: list[int] = []
    refine = pipeline.refine
    monkeypatch.setattr(pipeline, "refine", lambda *a: positions.append(a[4].position) or refine(*a))  # type: ignore[func-returns-value]
    encode(photo, target_psnr=25, effort=1, model="tiny")
    assert positions and len(positions) == len(set(positions))


def test_targets_out_of_range_say_what_is_possible(photo: Pixels, tiny_model: FrozenModel) -> None:
    smallest, largest = at(photo, tiny_model, 0), at(photo, tiny_model, tiny_model.last_position)
    with pytest.raises(BadSetting, match=f"smallest file, of quality 1, has {len(smallest):,}"):
        encode(photo, target_size=100, model="tiny")
    with pytest.raises(BadSetting, match=r"quality 100 reaches \d\d\.\d\d dB"):
        encode(photo, target_psnr=70, model="tiny", lossless=False)
    with pytest.raises(BadSetting, match=r"quality 100 reaches \d+\.\d\d dB"):
        encode(photo, target_ms_ssim=0.99999, model="tiny", lossless=False)
    with pytest.raises(BadSetting, match="sides under 161"):
        encode(photo[:100], target_ms_ssim=0.9, model="tiny", lossless=False)
    assert encode(photo, target_size=10**7, model="tiny", lossless=False) == largest
    assert encode(photo, target_psnr=1, model="tiny") == smallest


def test_one_goal_at_a_time(photo: Pixels) -> None:
    with pytest.raises(BadSetting, match="`quality` or `target_size`, not both"):
        encode(photo, quality=3, target_size=1000, model="tiny")


@pytest.mark.parametrize("goal", ["target_size", "target_bpp", "target_psnr", "target_ms_ssim"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_targets_are_positive_numbers(photo: Pixels, goal: str, value: float) -> None:
    with pytest.raises(BadSetting, match=f"`{goal}` must be a number above 0"):
        encode(photo, model="tiny", **{goal: value})  # type: ignore[arg-type]
