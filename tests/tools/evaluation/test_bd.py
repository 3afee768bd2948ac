"""Bjontegaard differences: curves with a known result, published values, and undefined cases."""

import math

import pytest

from lic.tools.evaluation import bd
from lic.tools.evaluation.curves import Curve, Point, clean, published_curve, published_names

pytest.importorskip("bjontegaard", reason="needs the extra `plot`")

BASE = Curve("base", "base", [Point(0.1 * 2**k, 28 + 3 * k + 0.1 * k * k) for k in range(6)])


def scaled(curve: Curve, rate: float = 1.0, gain: float = 0.0) -> Curve:
    return Curve("test", "test", [Point(p.bpp * rate, p.value + gain) for p in curve.points])


@pytest.mark.parametrize("rate", [0.5, 0.9, 1.0, 1.7])
def test_a_curve_with_scaled_rates_has_that_bd_rate(rate: float) -> None:
    assert bd.compare_curves(BASE, scaled(BASE, rate)).rate_percent == pytest.approx(100 * (rate - 1))


def test_a_lifted_curve_has_that_bd_psnr() -> None:
    assert bd.compare_curves(BASE, scaled(BASE, gain=1.25)).gain == pytest.approx(1.25)


def test_lines_over_log_rate_have_the_closed_form() -> None:
    """value = a + b log2(rate): equal slopes differ by 2^(gap / b) in rate at every value."""
    anchor = Curve("a", "a", [Point(2.0**k, 30 + 5 * k) for k in range(5)])
    test = Curve("b", "b", [Point(2.0**k, 32 + 5 * k) for k in range(1, 4)])
    difference = bd.compare_curves(anchor, test)
    assert difference.rate_percent == pytest.approx(100 * (2 ** (-2 / 5) - 1))
    assert difference.metric_interval == (37, 47)
    assert difference.gain == pytest.approx(2)
    assert difference.rate_interval == (2, 8)


def test_curves_that_do_not_meet_have_no_difference() -> None:
    difference = bd.compare_curves(BASE, scaled(BASE, gain=100))
    assert math.isnan(difference.rate_percent)
    assert "nothing in common" in bd.as_text(bd.rows([difference], "base", "psnr"))
    assert bd.as_json([difference], "base", "psnr")["differences"][0]["rate_percent"] is None


def test_a_single_point_has_no_difference() -> None:
    difference = bd.compare_curves(BASE, Curve("one", "one", BASE.points[:1]))
    assert math.isnan(difference.rate_percent) and math.isnan(difference.gain)


def test_points_that_cost_more_than_a_better_one_do_not_count() -> None:
    worse = Curve("test", "test", [*BASE.points, Point(0.3, 20.0)])
    assert bd.compare_curves(BASE, worse).rate_percent == pytest.approx(0)
    assert clean([Point(1, math.inf), Point(2, 30)]) == [Point(2, 30)]


@pytest.mark.parametrize(
    ("anchor", "test", "percent"),
    [
        # The project's notes of the published Kodak curves, computed with other code.
        ("jpeg", "factorized", -44.4),
        ("jpeg", "hyperprior", -54.9),
        ("jpeg", "balle2017", -45.1),
        ("jpeg", "bpg", -58.9),
        ("bpg", "factorized", +33.0),
        ("bpg", "vtm", -18.0),
        ("vtm", "mbt2018-mean", +21.8),
        ("vtm", "elic", -7.4),
    ],
)
def test_published_curves_differ_as_known(anchor: str, test: str, percent: float) -> None:
    difference = bd.compare_curves(published_curve(anchor, "psnr"), published_curve(test, "psnr"))
    assert difference.rate_percent == pytest.approx(percent, abs=0.06)


@pytest.mark.parametrize("name", published_names())
def test_published_curves_name_their_source_and_rise(name: str) -> None:
    for metric in ("psnr", "ms-ssim", "ms-ssim-db"):
        curve = published_curve(name, metric)
        assert curve.source
        assert clean(curve.points) == curve.points
