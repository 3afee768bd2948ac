"""The page of `lic plot`: curves, tables of Bjontegaard differences, and all points."""

import html
from collections.abc import Sequence
from typing import Any

from lic.tools.evaluation import bd, charts
from lic.tools.evaluation.curves import Curve, get_metric
from lic.tools.evaluation.panels import Table, bd_note
from lic.tools.pages import page


def curve_page(figure: Any, panels: dict[str, list[Curve]], note: str, tables: dict[str, Table]) -> str:
    """The whole page, around a figure of these panels."""
    parts = [f"<h1>Rate and distortion</h1>\n<p>{html.escape(note[0].upper() + note[1:])}.</p>", charts.to_svg(figure)]
    for metric, (label, differences) in tables.items():
        parts.append(f"<h2>BD-rate, {get_metric(metric).label}</h2>")
        parts.append(page.table(bd.rows(differences, label, metric), best=bd.BEST))
    if tables:
        parts.append(f'<p class="note">{html.escape(bd_note(note))}</p>')
    for metric, curves in panels.items():
        parts += [f"<h2>Points, {get_metric(metric).label}</h2>", page.table(point_rows(metric, curves))]
    sources = [f"{curve.label}: {curve.source}" for curve in next(iter(panels.values())) if curve.source]
    if sources:
        parts.append(f'<p class="note">{"<br>".join(map(html.escape, sources))}</p>')
    return page.page("lic: rate and distortion", "\n".join(["<main>", *parts, "</main>"]))


def point_rows(metric: str, curves: Sequence[Curve]) -> list[list[str]]:
    unit = get_metric(metric).unit
    header = ["codec", "bits per pixel", f"{get_metric(metric).label}{f', {unit}' if unit else ''}"]
    style = ".2f" if unit else ".4f"
    return [header, *([c.label, f"{p.bpp:.4f}", f"{p.value:{style}}"] for c in curves for p in c.points)]
