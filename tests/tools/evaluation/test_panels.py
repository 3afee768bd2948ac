"""The curves of a plot, and what can be compared."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from lic.tools.evaluation import panels
from lic.tools.evaluation.results import CodecInfo, Measurement, Results, load_results
from lic.tools.usage import BadOptions


def test_one_picture_and_equal_rates(results_file: Path) -> None:
    results = load_results([results_file])
    hard = panels.choose(results, ["lic"], "hard.png")
    (curve,) = panels.build_curves(hard, "psnr", "picture")
    assert [p.bpp for p in curve.points] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2])
    assert panels.describe(hard, "picture") == "hard.png"
    (curve,) = panels.build_curves(panels.choose(results, ["lic"], None), "psnr", "at-rate")
    assert curve.points[0].bpp == pytest.approx(0.2) and curve.points[-1].bpp == pytest.approx(1.6)
    assert curve.points[0].value == pytest.approx((28 + 30.5) / 2)
    assert "interpolated per picture" in panels.describe(results, "at-rate")


def test_published_curves_are_refused_beside_other_pictures(results_file: Path) -> None:
    others = replace(load_results([results_file]), dataset="3 of the 24 Kodak pictures, ...")
    with pytest.raises(BadOptions, match="these results are not"):
        panels.check_published(others, ["vtm"], "setting")
    panels.check_published(others, [], "setting")


def test_an_undefined_metric_is_explained(tmp_path: Path) -> None:
    rows = (Measurement("tiny.png", 8, 8, "jpeg", 50, 100, 12.5, 30.0, ms_ssim=math.nan),)
    results = Results(rows, {"jpeg": CodecInfo("JPEG", "1", "x")})
    with pytest.raises(BadOptions, match="undefined"):
        panels.build_curves(results, "ms-ssim", "setting")
