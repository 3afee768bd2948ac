"""The content of plots: curves of each metric and tables of Bjontegaard differences, from results."""

import json
from collections.abc import Sequence
from typing import Literal

from lic.tools.evaluation import bd
from lic.tools.evaluation.curves import (
    PUBLISHED_MARK,
    Curve,
    clean,
    get_metric,
    mean_curve,
    mean_curve_at_rate,
    picture_curve,
    published_curve,
)
from lic.tools.evaluation.foreign import foreign_curves
from lic.tools.evaluation.results import ALL_OF_KODAK, Results
from lic.tools.usage import BadOptions

How = Literal["setting", "at-rate", "picture"]  # means at equal settings or rates, or one picture
Table = tuple[str, list[bd.Difference]]  # the anchor's label, and the differences of all others from it


class UndefinedMetric(BadOptions):
    """A metric that none of the pictures has."""


def check_published(results: Results, names: Sequence[str], how: How) -> None:
    """Allow published curves, which are means over Kodak, only beside measurements on Kodak."""
    if names and (how == "picture" or not results.dataset.startswith(ALL_OF_KODAK) or results.failed()):
        raise BadOptions(
            "published curves are means over Kodak's 24 pictures, and these results are not: "
            "run lic eval on all of them, or leave `published` out"
        )


def choose(results: Results, codecs: Sequence[str] | None, picture: str | None) -> Results:
    """The results restricted to some codecs or one picture."""
    names = list(results.codecs) if codecs is None else codecs
    if unknown := set(names) - results.codecs.keys():
        known = ", ".join(results.codecs)
        raise BadOptions(f"no results for {', '.join(sorted(unknown))}: choose from {known}")
    pictures = {m.picture for m in results.measurements}
    if picture is not None and picture not in pictures:
        raise BadOptions(f"no results for picture {picture}: choose from {', '.join(sorted(pictures))}")
    kept = [m for m in results.measurements if m.codec in names and (picture is None or m.picture == picture)]
    infos = {name: results.codecs[name] for name in names}
    return Results(tuple(kept), infos, results.dataset, results.machine)


def build_curves(
    results: Results, metric: str, how: How, published: Sequence[str] = (), others: Sequence[str] = ()
) -> list[Curve]:
    """All curves of one panel; `how` is "setting" or "at-rate" for means, "picture" for the only picture.

    `others` are files of other projects.
    """
    curves = []
    for codec in results.codecs:
        if how == "picture":
            picture = results.measurements[0].picture
            curves.append(picture_curve(results, codec, picture, get_metric(metric)))
        else:
            make = mean_curve_at_rate if how == "at-rate" else mean_curve
            curves.append(make(results, codec, get_metric(metric)))
    curves += [published_curve(name, metric) for name in published]
    curves += [curve for path in others for curve in foreign_curves(path, metric)]
    usable = [curve for curve in curves if clean(curve.points)]
    if not usable:
        raise UndefinedMetric(f"{metric} is undefined for these pictures: a side is too short; choose another metric")
    return usable


def describe(results: Results, how: How) -> str:
    """One line that describes the curves."""
    pictures = results.pictures()
    if not results.measurements:
        return "curves of other projects' files, as they are"
    if how == "picture":
        return pictures[0] if pictures else results.measurements[0].picture
    what = "at equal rates, interpolated per picture" if how == "at-rate" else "at fixed settings"
    of = " (Kodak)" if results.dataset.startswith(ALL_OF_KODAK) else ""
    left_out = len({m.picture for m in results.measurements}) - len(pictures)
    note = f"mean over {len(pictures)} picture{'s' * (len(pictures) != 1)}{of}, {what}"
    return note + (f"; {left_out} left out, which not all codecs have coded" if left_out else "")


def bd_tables(panels: dict[str, list[Curve]], results: Results, anchor: str) -> dict[str, Table]:
    """A table for each metric."""
    tables = {}
    for metric, curves in panels.items():
        names = [curve.codec for curve in curves]
        codec = anchor if anchor in names else anchor + PUBLISHED_MARK
        if codec not in names:
            raise BadOptions(f"no curve {anchor} to compare with: choose from {', '.join(names)}")
        label = curves[names.index(codec)].label
        tables[metric] = label, bd.compare_all(curves, codec, results, metric)
    return tables


def tables_as_text(tables: dict[str, Table], style: str, note: str) -> str:
    """The tables as text for people or programs."""
    if style == "json":
        return json.dumps([bd.as_json(d, label, metric) for metric, (label, d) in tables.items()], indent=1)
    write = bd.as_markdown if style == "markdown" else bd.as_text
    parts = [write(bd.rows(differences, label, metric)) for metric, (label, differences) in tables.items()]
    return "\n\n".join([*parts, bd_note(note)])


def bd_note(note: str) -> str:
    return (
        f"BD-rate of the curves ({note}), pchip over log rate, in the stated common interval; negative: "
        "fewer bytes. Per picture: the mean of the pictures' own BD-rates."
    )
