"""Rate-distortion curves as matplotlib figures, and figures as files or parts of pages."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lic.tools.evaluation.bd import Difference
from lic.tools.evaluation.codecs import LIC
from lic.tools.evaluation.curves import Curve, Point, clean, get_metric, interpolate
from lic.tools.extras import require
from lic.tools.usage import BadOptions

OUR_COLOURS = ("#c2361b", "#e88b4f", "#7a1f4b", "#d9534f")
OUR_MARKERS = "osD^"
COLOURS = ("#1f5fa8", "#2a8a57", "#b8860b", "#6b4fa0", "#0f8b8d", "#8c564b", "#d1679d", "#66717b", "#7f9f2f")
MARKERS = "sD^vP*Xph<>"


def draw(panels: dict[str, list[Curve]], note: str, *, log: bool = False, max_rate: float | None = None) -> Any:
    """A matplotlib figure with one panel for each metric."""
    size = (5.8 * len(panels) + 2.2, 4.8)
    figure = require("matplotlib.figure").Figure(figsize=size, layout="constrained", dpi=150)
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (metric, curves) in zip(all_axes, panels.items(), strict=True):
        draw_panel(axes, metric, curves, log, max_rate)
    figure.suptitle(note, fontsize=10.5, color="#444444")
    # The legend is beside the axes, where it covers no curve; its order is that of the last panel.
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=9)
    return figure


def draw_panel(axes: Any, metric: str, curves: Sequence[Curve], log: bool, max_rate: float | None) -> None:
    """One set of axes: curves in order of quality, ours on top of the others."""
    low, high = rate_range(curves, max_rate)
    visible = [within(curve, high) for curve in curves]
    for curve in sorted(curves, key=lambda c: -level(c, low, high)):
        points = [p.bpp for p in curve.points], [p.value for p in curve.points]
        axes.plot(*points, label=curve.label, **style_of(curve, curves))
    values = [p.value for points in visible for p in points]
    if not values:
        raise BadOptions(f"no curve has a point below {high:g} bits per pixel: give a larger `max_rate`")
    margin = 0.04 * (max(values) - min(values) or 1)
    axes.set_ylim(min(values) - margin, max(values) + margin)
    if log:
        from matplotlib.ticker import NullFormatter, ScalarFormatter

        axes.set_xscale("log")
        axes.set_xticks([t for t in (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5) if low / 1.1 <= t <= high * 1.05])
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(low / 1.1 if log else 0, high * 1.03)
    unit = get_metric(metric).unit
    axes.set_xlabel(f"rate, bits per pixel{' (logarithmic)' if log else ''}")
    axes.set_ylabel(f"{get_metric(metric).label}{f', {unit}' if unit else ''}")
    axes.grid(color="#e4e7ea", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw_work(differences: Sequence[Difference], anchor: str, seconds: Mapping[str, float]) -> Any:
    """BD-rates over the work of decoding: multiplications where they are known, and the time that was measured.

    `seconds` are those of each codec to decode a megapixel.
    """
    figure = require("matplotlib.figure").Figure(figsize=(12, 4.8), layout="constrained", dpi=150)
    work = {d.codec: d.kmacs for d in differences}
    axes = figure.subplots(1, 2, sharey=True)
    for axis, of_codec, label in (
        (axes[0], work, "decoding, thousands of multiplications per pixel"),
        (axes[1], {name: 1000 * value for name, value in seconds.items()}, "decoding as measured, ms per megapixel"),
    ):
        for d in differences:
            x = of_codec.get(d.codec, math.nan)
            if math.isfinite(x) and math.isfinite(d.rate_percent):
                ours = d.codec.split("-")[0].split(" ")[0] == LIC
                axis.plot(x, d.rate_percent, "o" if ours else "s", color=OUR_COLOURS[0] if ours else COLOURS[0])
                axis.annotate(d.label, (x, d.rate_percent), (5, 4), textcoords="offset points", fontsize=8.5)
        axis.set_xscale("log")
        axis.set_xlabel(label)
        axis.grid(color="#e4e7ea", linewidth=0.8)
        axis.margins(x=0.25)
    axes[0].set_ylabel(f"BD-rate against {anchor}, %")
    return figure


def style_of(curve: Curve, curves: Sequence[Curve]) -> dict[str, Any]:
    """Curves of lic are thick and red, published ones dashed; each has its own marker."""
    if is_ours(curve):
        number = [c for c in curves if is_ours(c)].index(curve)
        colour, marker = OUR_COLOURS[number % len(OUR_COLOURS)], OUR_MARKERS[number % len(OUR_MARKERS)]
        return {"color": colour, "marker": marker, "linewidth": 2.2, "markersize": 5, "zorder": 3}
    number = [c for c in curves if not is_ours(c)].index(curve)
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    dashes = "--" if curve.source else "-"
    return {"color": colour, "marker": marker, "linewidth": 1.3, "markersize": 4, "linestyle": dashes}


def is_ours(curve: Curve) -> bool:
    return curve.codec.split("-")[0].split(" ")[0] == LIC


def rate_range(curves: Sequence[Curve], max_rate: float | None) -> tuple[float, float]:
    """The range of rates to show: up to those of lic, if present, since other codecs may go far beyond."""
    ours = [curve for curve in curves if is_ours(curve)] or curves
    high = max_rate or max(curve.points[-1].bpp for curve in ours)
    return min(curve.points[0].bpp for curve in curves), high


def within(curve: Curve, high: float) -> list[Point]:
    """The visible points of a curve, and the point where it leaves the axes."""
    points = [p for p in curve.points if p.bpp <= high and np.isfinite(p.value)]
    whole = clean(curve.points)
    if len(whole) > 1 and whole[0].bpp < high < whole[-1].bpp:
        points.append(Point(high, float(interpolate(whole, np.array([high]))[0])))
    return points


def level(curve: Curve, low: float, high: float) -> float:
    """The height of a curve, for the order of the legend: its value at (or nearest to) the middle rate."""
    points = clean(curve.points)
    middle = float(np.sqrt(low * high))
    return float(np.interp(np.log(middle), [np.log(p.bpp) for p in points], [p.value for p in points]))


def to_bytes(figure: Any, kind: str) -> bytes:
    """A figure as the bytes of a file, without dates and random names, so that equal figures give equal files."""
    file = io.BytesIO()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with require("matplotlib").rc_context({"svg.hashsalt": "lic"}):
        figure.savefig(file, format=kind, metadata=undated.get(kind))
    return file.getvalue()


def to_svg(figure: Any) -> str:
    """A figure as an SVG element for a page, where it scrolls by itself if there is little room."""
    svg = to_bytes(figure, "svg").decode()
    return f'<figure class="scrolls" tabindex="0" aria-label="chart">{svg[svg.index("<svg") :]}</figure>'
