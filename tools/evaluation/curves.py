"""Rate-distortion curves from measurements: of one picture, or the mean over pictures."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.codec.errors import LicError
from lic.tools.evaluation.metrics import LOSSLESS_DB, mean_db, to_db
from lic.tools.evaluation.results import BadResults, Measurement, Results

PUBLISHED = Path(__file__).parent / "published"
PUBLISHED_MARK = ", published"
RATES_PER_CURVE = 12  # of a mean at fixed rates


class Metric(NamedTuple):
    """A metric: its axis, its value for one measurement, and the mean of several."""

    label: str
    unit: str
    of: Callable[[Measurement], float]
    mean: Callable[[Sequence[float]], float]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _mean_similarity_db(decibels: Sequence[float]) -> float:
    """Decibels of the mean similarity, which is what papers plot."""
    return min(to_db(_mean([1 - 10 ** (-d / 10) for d in decibels])), LOSSLESS_DB)


METRICS = {
    "psnr": Metric("PSNR (RGB)", "dB", lambda m: m.psnr, mean_db),
    "psnr-luma": Metric("PSNR (luma)", "dB", lambda m: m.psnr_luma, mean_db),
    "psnr-chroma": Metric("PSNR (chroma)", "dB", lambda m: m.psnr_chroma, mean_db),
    "ssim": Metric("SSIM (RGB)", "", lambda m: m.ssim, _mean),
    "ms-ssim": Metric("MS-SSIM (RGB)", "", lambda m: m.ms_ssim, _mean),
    "ms-ssim-db": Metric("MS-SSIM (RGB)", "dB", lambda m: m.ms_ssim_db, _mean_similarity_db),
}


def get_metric(name: str) -> Metric:
    """A metric by name: one of `METRICS`, or one of the measurements' own."""
    return METRICS.get(name) or Metric(name, "", lambda m: dict(m.own).get(name, math.nan), _mean)


class Point(NamedTuple):
    bpp: float
    value: float


class Curve(NamedTuple):
    """Points from the lowest rate to the highest."""

    codec: str
    label: str
    points: list[Point]
    source: str = ""  # of a published curve
    kmacs: float | None = None  # multiplications of decoding, in thousands for each pixel, where they are known


class UnknownCurve(LicError):
    """There is no published curve of that name."""


def picture_curve(results: Results, codec: str, picture: str, metric: Metric) -> Curve:
    """One picture's curve."""
    points = [Point(m.bpp, metric.of(m)) for m in results.of(codec, picture)]
    return Curve(codec, results.codecs[codec].label, points, kmacs=results.codecs[codec].kmacs)


def mean_curve(results: Results, codec: str, metric: Metric) -> Curve:
    """Rate and metric at each setting, averaged over the pictures.

    Settings that are not measured on all of the pictures are left out.
    """
    pictures = common_pictures(results)
    at: dict[float, list[Measurement]] = {}
    for picture in pictures:
        for m in results.of(codec, picture):
            at.setdefault(m.setting, []).append(m)
    points = [
        Point(_mean([m.bpp for m in group]), metric.mean([metric.of(m) for m in group]))
        for group in at.values()
        if len(group) == len(pictures)
    ]
    return Curve(codec, results.codecs[codec].label, sorted(points), kmacs=results.codecs[codec].kmacs)


def mean_curve_at_rate(results: Results, codec: str, metric: Metric) -> Curve:
    """The mean metric at fixed rates: each picture's curve is interpolated (pchip over log rate), then
    averaged.

    The rates lie between the largest of the pictures' lowest rates and the smallest of their highest.
    """
    curves = [clean(picture_curve(results, codec, picture, metric).points) for picture in common_pictures(results)]
    low = max(points[0].bpp for points in curves)
    high = min(points[-1].bpp for points in curves)
    if not low < high:
        raise BadResults(f"the pictures' curves of {codec} have no rates in common: measure more qualities")
    rates = np.geomspace(low, high, RATES_PER_CURVE)
    values = np.array([interpolate(points, rates) for points in curves])
    points = [Point(float(r), metric.mean(column.tolist())) for r, column in zip(rates, values.T, strict=True)]
    return Curve(codec, results.codecs[codec].label, points, kmacs=results.codecs[codec].kmacs)


def common_pictures(results: Results) -> list[str]:
    pictures = results.pictures()
    if not pictures:
        raise BadResults("no picture was coded by all codecs: evaluate them on the same pictures")
    return pictures


def clean(points: Sequence[Point]) -> list[Point]:
    """The efficient points: sorted, finite, and each better than all cheaper ones.

    >>> clean([Point(2, 35), Point(1, 30), Point(3, 34), Point(4, 40)])
    [Point(bpp=1, value=30), Point(bpp=2, value=35), Point(bpp=4, value=40)]
    """
    kept: list[Point] = []
    for point in sorted(points):
        better = not kept or (point.value > kept[-1].value and point.bpp > kept[-1].bpp)
        if better and math.isfinite(point.value):
            kept.append(point)
    return kept


def interpolate(points: Sequence[Point], rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """The metric at the given rates: a monotone cubic (pchip) over log rate."""
    from scipy.interpolate import PchipInterpolator

    bpp, value = np.array(points).T
    values: NDArray[np.float64] = PchipInterpolator(np.log(bpp), value)(np.log(rates))
    return values


def published_names() -> list[str]:
    return sorted(path.stem for path in PUBLISHED.glob("*.json"))


def published_curve(name: str, metric: str) -> Curve:
    """A curve from a publication, on Kodak; see the folder `published`."""
    if name not in published_names():
        raise UnknownCurve(f"there is no published curve {name}: choose from {', '.join(published_names())}")
    content = json.loads((PUBLISHED / f"{name}.json").read_text(encoding="utf-8"))
    key = {"psnr": "psnr", "ms-ssim": "ms_ssim", "ms-ssim-db": "ms_ssim"}.get(metric)
    points = [Point(p["bpp"], p[key]) for p in content["points"] if key and p.get(key) is not None]
    if not points:
        raise UnknownCurve(f"{name} was not published with {metric}: choose psnr, ms-ssim or ms-ssim-db")
    if metric == "ms-ssim-db":
        points = [Point(bpp, to_db(value)) for bpp, value in points]
    label, work = f"{content['label']}{PUBLISHED_MARK}", content.get("kmacs")
    return Curve(f"{name}{PUBLISHED_MARK}", label, sorted(points), content["source"], kmacs=work)
