"""`lic plot`: rate-distortion curves, and tables of Bjontegaard differences, out of `lic eval`'s results."""

import argparse
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lic.tools.cli import UsageError
from lic.tools.evaluation import bd, charts
from lic.tools.evaluation.curves import (
    METRICS,
    PUBLISHED_MARK,
    Curve,
    clean,
    mean_curve,
    mean_curve_at_rate,
    picture_curve,
    published_curve,
    published_names,
)
from lic.tools.evaluation.results import ALL_OF_KODAK, Results, load_results
from lic.tools.files import write_whole
from lic.tools.pages import page

SUFFIXES = (".png", ".svg", ".pdf", ".html")
TABLES = ("text", "markdown", "json")
EXAMPLES = f"""\
examples:
  lic plot kodak.json -o rd.png                      mean curves of all codecs
  lic plot kodak.json --published bpg vtm -o rd.svg  with curves from the literature
  lic plot kodak.json --bd jpeg --table markdown     only the table of BD-rates against JPEG
  lic plot kodak.json --metric psnr ms-ssim-db --bd jpeg -o rd.pdf

published curves, all on Kodak: {", ".join(published_names())}

The mean is over the pictures at a fixed setting of the codec. A codec whose setting means equal quality for
all pictures, and not equal rate, is judged by its hardest pictures in such a mean: compare with --at-rate,
and see the column "BD-rate per picture", which is the mean of the pictures' own BD-rates.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic plot RESULTS... [-o FILE] [--metric METRIC...] [--bd CODEC] [--published NAME...]"
    parser.epilog = EXAMPLES
    parser.add_argument("results", nargs="+", metavar="RESULTS", help="what lic eval has written")
    parser.add_argument("-o", "--output", metavar="FILE", help="a .png, .svg, .pdf or .html file")
    parser.add_argument(
        "--metric",
        nargs="+",
        choices=METRICS,
        default=["psnr"],
        metavar="METRIC",
        help=f"a panel for each: {', '.join(METRICS)} (default: psnr)",
    )
    parser.add_argument("--codecs", nargs="+", metavar="CODEC", help="only these, as lic eval names them")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--picture", metavar="NAME", help="one picture instead of the mean")
    which.add_argument("--at-rate", action="store_true", help="mean at equal rates, interpolated per picture")
    parser.add_argument("--published", nargs="+", default=[], metavar="NAME", help="curves from the literature")
    parser.add_argument("--log", action="store_true", help="logarithmic rate")
    parser.add_argument("--max-rate", type=float, metavar="BPP", help="where the rate axis ends")
    parser.add_argument("--bd", metavar="CODEC", help="print Bjontegaard differences against this codec")
    parser.add_argument("--table", choices=TABLES, default="text", help="how to print them (default: text)")


def run(args: argparse.Namespace) -> int:
    if not args.output and not args.bd:
        raise UsageError("nothing to do: give a file with -o, or a codec with --bd")
    if args.output and Path(args.output).suffix.lower() not in SUFFIXES:
        raise UsageError(f"cannot draw {args.output}: use one of {', '.join(SUFFIXES)}")
    if args.output and not Path(args.output).absolute().parent.is_dir():
        raise UsageError(f"there is no folder for {args.output}: make it first")
    results = choose(load_results(args.results), args.codecs, args.picture)
    how = "at-rate" if args.at_rate else "picture" if args.picture else "setting"
    check_published(results, args.published, how)
    panels = {metric: build_curves(results, metric, how, args.published) for metric in args.metric}
    note = describe(results, how)
    tables = bd_tables(panels, results, args.bd) if args.bd else {}
    if args.output:
        figure = charts.draw(panels, note, log=args.log, max_rate=args.max_rate)
        write_whole(args.output, render(figure, args.output, panels, note, tables))
    if args.bd:
        print(print_tables(tables, args.table, note))
    return 0


def check_published(results: Results, names: Sequence[str], how: str) -> None:
    """Published curves are means over Kodak: others beside them would compare different pictures."""
    if names and (how == "picture" or not results.dataset.startswith(ALL_OF_KODAK) or results.failed()):
        raise UsageError(
            "published curves are means over Kodak's 24 pictures, and these results are not: "
            "run lic eval on all of them, or leave --published out"
        )


def choose(results: Results, codecs: Sequence[str] | None, picture: str | None) -> Results:
    """Only some codecs, or only one picture, of the results."""
    names = list(results.codecs) if codecs is None else codecs
    if unknown := set(names) - results.codecs.keys():
        known = ", ".join(results.codecs)
        raise UsageError(f"no results for {', '.join(sorted(unknown))}: choose from {known}")
    pictures = {m.picture for m in results.measurements}
    if picture is not None and picture not in pictures:
        raise UsageError(f"no results for picture {picture}: choose from {', '.join(sorted(pictures))}")
    kept = [m for m in results.measurements if m.codec in names and (picture is None or m.picture == picture)]
    infos = {name: results.codecs[name] for name in names}
    return Results(tuple(kept), infos, results.dataset, results.machine)


def build_curves(results: Results, metric: str, how: str, published: Sequence[str] = ()) -> list[Curve]:
    """All curves of one panel; `how` is "setting" or "at-rate" for means, "picture" for the only picture."""
    curves = []
    for codec in results.codecs:
        if how == "picture":
            picture = results.measurements[0].picture
            curves.append(picture_curve(results, codec, picture, METRICS[metric]))
        else:
            make = mean_curve_at_rate if how == "at-rate" else mean_curve
            curves.append(make(results, codec, METRICS[metric]))
    curves += [published_curve(name, metric) for name in published]
    usable = [curve for curve in curves if clean(curve.points)]
    if not usable:
        raise UsageError(f"{metric} is undefined for these pictures: a side is too short; choose another metric")
    return usable


def describe(results: Results, how: str) -> str:
    """One line on what the curves are of."""
    pictures = results.pictures()
    if how == "picture":
        return pictures[0] if pictures else results.measurements[0].picture
    what = "at equal rates, interpolated per picture" if how == "at-rate" else "at fixed settings"
    of = " (Kodak)" if results.dataset.startswith(ALL_OF_KODAK) else ""
    left_out = len({m.picture for m in results.measurements}) - len(pictures)
    note = f"mean over {len(pictures)} picture{'s' * (len(pictures) != 1)}{of}, {what}"
    return note + (f"; {left_out} left out, which not all codecs have coded" if left_out else "")


def bd_tables(
    panels: dict[str, list[Curve]], results: Results, anchor: str
) -> dict[str, tuple[str, list[bd.Difference]]]:
    """By metric: the anchor's label and the differences of all others from it."""
    tables = {}
    for metric, curves in panels.items():
        names = [curve.codec for curve in curves]
        codec = anchor if anchor in names else anchor + PUBLISHED_MARK
        if codec not in names:
            raise UsageError(f"no curve {anchor} to compare with: choose from {', '.join(names)}")
        label = curves[names.index(codec)].label
        tables[metric] = label, bd.compare_all(curves, codec, results, metric)
    return tables


def print_tables(tables: dict[str, tuple[str, list[bd.Difference]]], style: str, note: str) -> str:
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


def render(
    figure: Any,
    output: str,
    panels: dict[str, list[Curve]],
    note: str,
    tables: dict[str, tuple[str, list[bd.Difference]]],
) -> bytes:
    """The bytes of the file, in the format that its suffix names."""
    kind = Path(output).suffix.lower()[1:]
    if kind != "html":
        return charts.to_bytes(figure, kind)
    parts = [
        f"<h1>Rate and distortion</h1>\n<p>{html.escape(note[0].upper() + note[1:])}.</p>",
        charts.to_svg(figure),
    ]
    for metric, (label, differences) in tables.items():
        parts += [
            f"<h2>BD-rate, {METRICS[metric].label}</h2>",
            page.table(bd.rows(differences, label, metric)),
        ]
    if tables:
        parts.append(f'<p class="note">{html.escape(bd_note(note))}</p>')
    for metric, curves in panels.items():
        parts += [f"<h2>Points, {METRICS[metric].label}</h2>", page.table(point_rows(metric, curves))]
    sources = [f"{curve.label}: {curve.source}" for curve in next(iter(panels.values())) if curve.source]
    if sources:
        parts.append(f'<p class="note">{"<br>".join(map(html.escape, sources))}</p>')
    return page.page("lic: rate and distortion", "\n".join(parts)).encode()


def point_rows(metric: str, curves: Sequence[Curve]) -> list[list[str]]:
    unit = METRICS[metric].unit
    header = ["codec", "bits per pixel", f"{METRICS[metric].label}{f', {unit}' if unit else ''}"]
    style = ".2f" if unit else ".4f"
    return [header, *([c.label, f"{p.bpp:.4f}", f"{p.value:{style}}"] for c in curves for p in c.points)]
