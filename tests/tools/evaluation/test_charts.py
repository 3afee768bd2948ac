"""The appearance of curves, and their descriptions."""

from pathlib import Path

import pytest

from lic.tools.evaluation import charts
from lic.tools.evaluation.curves import Curve, Point
from lic.tools.evaluation.panels import build_curves, describe
from lic.tools.evaluation.results import load_results

pytest.importorskip("matplotlib", reason="needs the extra `plot`")


def test_axes_legend_and_caption_say_what_is_shown(results_file: Path) -> None:
    results = load_results([results_file])
    panels = {"psnr": build_curves(results, "psnr", "setting", ["bpg"])}
    figure = charts.draw(panels, describe(results, "setting"), log=True)
    (axes,) = figure.axes
    assert axes.get_xlabel() == "rate, bits per pixel (logarithmic)"
    assert axes.get_ylabel() == "PSNR (RGB), dB"
    assert figure.get_suptitle() == "mean over 2 pictures (Kodak), at fixed settings"
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert sorted(names) == ["BPG 4:4:4, published", "JPEG 4:2:0", "lic (photo)"]
    assert names.index("lic (photo)") < names.index("JPEG 4:2:0")  # in the order of the curves


def test_the_rate_axis_ends_with_lic(results_file: Path) -> None:
    results = load_results([results_file])
    figure = charts.draw({"psnr": build_curves(results, "psnr", "setting")}, "")
    left, right = figure.axes[0].get_xlim()
    assert left == 0 and right == pytest.approx(1.03 * 2.4)


def test_several_models_look_different() -> None:
    curves = [Curve(name, name, [Point(1, 30), Point(2, 35)]) for name in ("lic", "lic-mine", "jpeg", "webp")]
    styles = {(s["color"], s["marker"]) for s in (charts.style_of(curve, curves) for curve in curves)}
    assert len(styles) == 4
    assert charts.style_of(curves[1], curves)["linewidth"] > charts.style_of(curves[2], curves)["linewidth"]
