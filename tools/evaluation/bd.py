"""Bjontegaard differences: how much more rate one codec needs than another for the same quality, on average.

BD-rate interpolates log rate as a function of the metric (pchip), and averages the difference over the interval of the
metric that both curves cover; it is a percentage. BD-PSNR (or that of another metric) interpolates the metric as a
function of log rate, and averages over the common rates. Points that cost more than a better one are dropped first
(`curves.clean`).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from lic.tools.evaluation.curves import Curve, clean, get_metric, picture_curve
from lic.tools.evaluation.results import Results
from lic.tools.extras import require

# How to choose the best number in those columns of `rows` that have one.
BEST: dict[int, Callable[..., str]] = {1: min, 3: min, 4: max, 6: min}


class Interval(NamedTuple):
    low: float
    high: float


class Difference(NamedTuple):
    """A codec against an anchor; negative rates are savings. Undefined values are nan."""

    codec: str
    label: str
    rate_percent: float
    metric_interval: Interval  # over which the rate was averaged
    gain: float  # BD-PSNR, or that of the metric in use
    rate_interval: Interval  # over which the gain was averaged, in bits per pixel
    per_picture_percent: float = math.nan  # the mean of the pictures' own BD-rates
    pictures: int = 0  # in that mean
    kmacs: float = math.nan  # multiplications of decoding, in thousands for each pixel


def compare_curves(anchor: Curve, test: Curve) -> Difference:
    """BD-rate and BD-metric of one curve against another.

    >>> from lic.tools.evaluation.curves import Point
    >>> anchor = Curve("a", "a", [Point(1, 30), Point(2, 35), Point(4, 40)])
    >>> half = Curve("b", "b", [Point(0.5, 30), Point(1, 35), Point(2, 40)])
    >>> difference = compare_curves(anchor, half)
    >>> round(difference.rate_percent, 6), difference.metric_interval
    (-50.0, Interval(low=30.0, high=40.0))
    >>> round(difference.gain, 6), difference.rate_interval
    (5.0, Interval(low=1.0, high=2.0))
    """
    bjontegaard = require("bjontegaard")
    (anchor_rates, anchor_values), (rates, values) = _columns(anchor), _columns(test)
    metric_interval = _common(anchor_values, values)
    rate_interval = _common(anchor_rates, rates)
    options: dict[str, Any] = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}
    percent = gain = math.nan
    if metric_interval.low < metric_interval.high:
        percent = float(bjontegaard.bd_rate(anchor_rates, anchor_values, rates, values, **options))
    if rate_interval.low < rate_interval.high:
        gain = float(bjontegaard.bd_psnr(anchor_rates, anchor_values, rates, values, **options))
    kmacs = math.nan if test.kmacs is None else test.kmacs
    return Difference(test.codec, test.label, percent, metric_interval, gain, rate_interval, kmacs=kmacs)


def per_picture(results: Results, anchor: str, test: str, metric: str) -> list[float]:
    """The BD-rate of each picture whose two curves overlap, in percent."""
    percents = []
    for picture in results.pictures():
        curves = [picture_curve(results, codec, picture, get_metric(metric)) for codec in (anchor, test)]
        percents.append(compare_curves(curves[0], curves[1]).rate_percent)
    return [percent for percent in percents if not math.isnan(percent)]


def compare_all(curves: Sequence[Curve], anchor: str, results: Results | None, metric: str) -> list[Difference]:
    """Every curve against the one of codec `anchor`; with results, also per picture where both were measured."""
    base = next(curve for curve in curves if curve.codec == anchor)
    differences = []
    for curve in curves:
        if curve.codec == anchor:
            continue
        difference = compare_curves(base, curve)
        if results and {anchor, curve.codec} <= results.codecs.keys():
            percents = per_picture(results, anchor, curve.codec, metric)
            mean = sum(percents) / len(percents) if percents else math.nan
            difference = difference._replace(per_picture_percent=mean, pictures=len(percents))
        differences.append(difference)
    return sorted(differences, key=lambda d: (math.isnan(d.rate_percent), d.rate_percent))


def _columns(curve: Curve) -> tuple[list[float], list[float]]:
    points = clean(curve.points)
    return [p.bpp for p in points], [p.value for p in points]


def _common(a: Sequence[float], b: Sequence[float]) -> Interval:
    if len(a) < 2 or len(b) < 2:
        return Interval(math.nan, math.nan)
    return Interval(float(max(a[0], b[0])), float(min(a[-1], b[-1])))


def rows(differences: Sequence[Difference], anchor: str, metric: str) -> list[list[str]]:
    """The rows of a table for people, header first."""
    unit = get_metric(metric).unit
    name = get_metric(metric).label
    header = [f"against {anchor}", "BD-rate", f"over {name}", "BD-rate per picture", f"BD-{name}", "over bits/pixel"]
    body = [
        [
            d.label,
            _number(d.rate_percent, "+.1f", " %"),
            _interval(d.metric_interval, ".2f" if unit else ".4f", f" {unit}".rstrip()),
            _number(d.per_picture_percent, "+.1f", " %"),
            _number(d.gain, "+.2f" if unit else "+.4f", f" {unit}".rstrip()),
            _interval(d.rate_interval, ".3f", ""),
        ]
        for d in differences
    ]
    if any(math.isfinite(d.kmacs) for d in differences):
        header.append("kMAC/pixel to decode")
        for row, d in zip(body, differences, strict=True):
            row.append(_number(d.kmacs, ",.1f", ""))
    return [header, *body]


def as_json(differences: Sequence[Difference], anchor: str, metric: str) -> dict[str, Any]:
    """The differences for programs; null where they are undefined."""

    def plain(value: Any) -> Any:
        if isinstance(value, Interval):
            return [plain(end) for end in value]
        return None if isinstance(value, float) and math.isnan(value) else value

    content = [{key: plain(value) for key, value in d._asdict().items()} for d in differences]
    return {"anchor": anchor, "metric": metric, "differences": content}


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """
    >>> print(as_markdown([["codec", "BD-rate"], ["x", "-3 %"]]))
    | codec | BD-rate |
    | --- | ---: |
    | x | -3 % |
    """
    header, *body = rows
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """
    >>> print(as_text([["codec", "BD-rate"], ["x", "-3 %"]]))
    codec  BD-rate
    x         -3 %
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines)


def _number(value: float, style: str, unit: str) -> str:
    return "-" if math.isnan(value) else f"{value:{style}}{unit}"


def _interval(interval: Interval, style: str, unit: str) -> str:
    if not interval.low < interval.high:
        return "nothing in common"
    return f"{interval.low:{style}} to {interval.high:{style}}{unit}"
