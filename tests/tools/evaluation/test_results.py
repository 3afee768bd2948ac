"""Results survive being written and read; means are over the pictures that all codecs have coded."""

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import pytest

from lic.tools.evaluation.curves import METRICS, mean_curve, mean_curve_at_rate
from lic.tools.evaluation.results import (
    FORMAT,
    BadResults,
    CodecInfo,
    Measurement,
    Results,
    load_results,
    merge,
    save_results,
)


def measurement(picture: str, codec: str, setting: float, bpp: float, psnr: float) -> Measurement:
    return Measurement(
        picture, 100, 80, codec, setting, round(bpp * 1000), bpp, psnr, psnr, psnr, 0.9, 0.9, 10.0, 0.1, 0.2
    )


INFOS = {"a": CodecInfo("A", "1.0", "a(SETTING)"), "b": CodecInfo("B", "2.0, with a comma", "b(SETTING)")}
RESULTS = Results(
    tuple(
        measurement(picture, codec, setting, setting * scale, 30 + 5 * math.log2(setting) + scale)
        for picture, scale in (("one.png", 1.0), ("two.png", 3.0))
        for codec in INFOS
        for setting in (1.0, 2.0, 4.0)
    ),
    INFOS,
    "a set",
    "a machine",
)


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_files_hold_everything(tmp_path: Path, suffix: str) -> None:
    odd = replace(RESULTS.measurements[0], psnr=math.inf)
    results = replace(RESULTS, measurements=(odd, *RESULTS.measurements[1:]))
    save_results(tmp_path / f"r{suffix}", results)
    assert load_results([tmp_path / f"r{suffix}"]) == results


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_undefined_values_stay_undefined(tmp_path: Path, suffix: str) -> None:
    failed = Measurement("three.png", 5, 5, "a", error="too small")
    save_results(tmp_path / f"r{suffix}", replace(RESULTS, measurements=(failed,), codecs={"a": INFOS["a"]}))
    (read,) = load_results([tmp_path / f"r{suffix}"]).measurements
    assert math.isnan(read.psnr) and read.error == "too small"


def odd(**more: object) -> str:
    """A file with one measurement, and something else in it."""
    columns = [field.name for field in fields(Measurement)]
    row = ["a.png", 5, 5, "jpeg", *[1] * (len(columns) - 5), ""]
    told = {"lic_eval": FORMAT, "dataset": "", "machine": "", "codecs": {}, "columns": columns, "measurements": [row]}
    return json.dumps(told | more)


@pytest.mark.parametrize(
    "content",
    [
        *("", "{}", "[1]", '{"lic_eval": 99}', "[" * 100_000, "\xff" * 100_000),
        *(odd(), odd(codecs=[]), odd(codecs={"jpeg": {}}), odd(columns=5), odd(measurements=[[]]), odd(measurements=1)),
        odd(measurements=[["a.png", 10**400, 5, "jpeg", 1, 1, 10**400, *[1] * 8, ""]]),
    ],
)
def test_other_files_are_refused_in_a_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "r.json").write_text(content, encoding="latin-1")
    with pytest.raises(BadResults, match=r"r\.json") as caught:
        load_results([tmp_path / "r.json"])
    assert len(str(caught.value)) < 500


def test_texts_that_are_none_do_no_harm(tmp_path: Path) -> None:
    info = {"label": ["x"], "version": None, "settings": {}}
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(odd(codecs={"jpeg": info}, dataset=[name], machine={}))
    assert load_results([tmp_path / "a.json", tmp_path / "b.json"]).codecs["jpeg"].label == "['x']"


def test_a_picture_that_one_codec_failed_on_is_in_no_mean() -> None:
    failed = Measurement("two.png", 100, 80, "b", error="broken")
    results = replace(RESULTS, measurements=(*RESULTS.measurements, failed))
    assert results.pictures() == ["one.png"]
    assert [p.bpp for p in mean_curve(results, "a", METRICS["psnr"]).points] == [1, 2, 4]


def test_the_mean_is_taken_at_each_setting() -> None:
    curve = mean_curve(RESULTS, "a", METRICS["psnr"])
    assert [p.bpp for p in curve.points] == [2, 4, 8]
    assert [p.value for p in curve.points] == pytest.approx([32, 37, 42])


def test_a_setting_that_a_picture_lacks_is_left_out() -> None:
    results = replace(RESULTS, measurements=RESULTS.measurements[1:])
    assert [p.bpp for p in mean_curve(results, "a", METRICS["psnr"]).points] == [4, 8]


def test_the_mean_at_equal_rates_interpolates_each_picture() -> None:
    """one: 31 + 5 log2 r on 1..4; two: 33 + 5 log2 (r / 3) on 3..12; together on 3..4."""
    curve = mean_curve_at_rate(RESULTS, "a", METRICS["psnr"])
    assert (curve.points[0].bpp, curve.points[-1].bpp) == pytest.approx((3, 4))
    for bpp, value in curve.points:
        expected = (31 + 5 * math.log2(bpp) + 33 + 5 * math.log2(bpp / 3)) / 2
        assert value == pytest.approx(expected, abs=0.02)


def test_a_lossless_picture_counts_as_100_db_in_a_mean() -> None:
    rows = (measurement("one.png", "a", 1, 1, math.inf), measurement("two.png", "a", 1, 1, 40))
    results = Results(rows, {"a": INFOS["a"]})
    assert mean_curve(results, "a", METRICS["psnr"]).points[0].value == 70


def test_mean_ms_ssim_in_decibels_is_that_of_the_mean() -> None:
    rows = [replace(measurement(str(k), "a", 1, 1, 30), ms_ssim=m) for k, m in enumerate((0.9, 0.98))]
    rows = [replace(row, ms_ssim_db=-10 * math.log10(1 - row.ms_ssim)) for row in rows]
    points = mean_curve(Results(tuple(rows), {"a": INFOS["a"]}), "a", METRICS["ms-ssim-db"]).points
    assert points[0].value == pytest.approx(-10 * math.log10(1 - 0.94))


def test_merging_keeps_codecs_apart_that_were_made_differently() -> None:
    newer = replace(RESULTS, codecs=INFOS | {"a": CodecInfo("A", "1.1", "a(SETTING)")})
    merged = merge([("old", RESULTS), ("new", newer)])
    assert set(merged.codecs) == {"a", "a (new)", "b"}
    assert merged.codecs["a (new)"].label == "A, new"
    assert len(merged.measurements) == 18  # b's are the same, and count once


def test_merging_tells_codecs_of_one_label_apart() -> None:
    other = Results(RESULTS.measurements[:3], {"a": INFOS["a"], "c": replace(INFOS["a"], version="1.1")}, "", "")
    merged = merge([("old", RESULTS), ("other", other), ("again", other)])
    assert {name: info.label for name, info in merged.codecs.items()} == {"a": "A, a", "b": "B", "c": "A, c"}
