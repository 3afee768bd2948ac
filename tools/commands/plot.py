"""`lic plot`: rate-distortion curves, and tables of Bjontegaard differences, out of `lic eval`'s results; or runs."""

import argparse
from pathlib import Path

from lic.tools.evaluation import charts
from lic.tools.evaluation.curves import METRICS, published_names
from lic.tools.evaluation.foreign import is_foreign
from lic.tools.evaluation.panels import How, bd_tables, build_curves, check_published, choose, describe, tables_as_text
from lic.tools.evaluation.results import load_results
from lic.tools.files import write_whole
from lic.tools.pages.curve_page import curve_page
from lic.tools.training.run_figure import is_run, run_figure
from lic.tools.usage import UsageError, add_force, check_output

TABLES = ("text", "markdown", "json")
EXAMPLES = f"""\
examples:
  lic plot kodak.json -o rd.png                      mean curves of all codecs
  lic plot kodak.json --published bpg vtm -o rd.svg  with curves from the literature
  lic plot kodak.json compressai.json mine.csv -o rd.png
                                                     with curves of other projects: JSON, CSV or TSV
  lic plot kodak.json --bd jpeg --table markdown     only the table of BD-rates against JPEG
  lic plot kodak.json --metric psnr ms-ssim-db --bd jpeg -o rd.pdf
  lic plot kodak.json --bd jpeg --work work.svg      BD-rates over kMAC per pixel, and time, to decode
  lic plot run another-run -o runs.png               the course of trainings: loss, rate, learning rate, ...

published curves, all on Kodak: {", ".join(published_names())}

The mean is over the pictures at a fixed setting of the codec. A codec whose setting means equal quality for
all pictures, and not equal rate, is judged by its hardest pictures in such a mean: compare with --at-rate,
and see the column "BD-rate per picture", which is the mean of the pictures' own BD-rates.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic plot RESULTS... [-o FILE] [--metric METRIC...] [--bd CODEC] [--published NAME...]"
    parser.epilog = EXAMPLES
    parser.add_argument(
        "results",
        nargs="+",
        metavar="RESULTS",
        help="files written by lic eval, or by others with columns such as bpp and psnr; or folders of training runs",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="a .png, .svg, .pdf or .html file")
    panels = f"a panel for each: {', '.join(METRICS)} (default: psnr), or one of lic eval --metrics"
    parser.add_argument("--metric", nargs="+", default=["psnr"], metavar="METRIC", help=panels)
    parser.add_argument("--codecs", nargs="+", metavar="CODEC", help="only these, as lic eval names them")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--picture", metavar="NAME", help="one picture instead of the mean")
    which.add_argument("--at-rate", action="store_true", help="mean at equal rates, interpolated per picture")
    parser.add_argument("--published", nargs="+", default=[], metavar="NAME", help="curves from the literature")
    parser.add_argument("--log", action="store_true", help="logarithmic rate")
    parser.add_argument("--max-rate", type=float, metavar="BPP", help="where the rate axis ends")
    parser.add_argument("--bd", metavar="CODEC", help="print Bjontegaard differences against this codec")
    parser.add_argument("--table", choices=TABLES, default="text", help="how to print them (default: text)")
    parser.add_argument("--work", metavar="FILE", help="with --bd: a figure of BD-rates over the work of decoding")
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    if not args.output and not args.bd:
        raise UsageError("nothing to do: give a file with -o, or a codec with --bd")
    if args.work and not args.bd:
        raise UsageError("--work shows BD-rates: name the codec to compare with by --bd")
    if args.work:
        check_output(args.work, ".png", ".svg", ".pdf", force=args.force)
    if args.output:
        check_output(args.output, ".png", ".svg", ".pdf", ".html", force=args.force)
    if any(Path(path).is_dir() for path in args.results):
        return _plot_runs(args)
    others = [path for path in args.results if is_foreign(path)]
    results = choose(load_results(p for p in args.results if p not in others), args.codecs, args.picture)
    how: How = "at-rate" if args.at_rate else "picture" if args.picture else "setting"
    known = [*METRICS, *results.own_metrics()]
    if not others and (unknown := [metric for metric in args.metric if metric not in known]):
        raise UsageError(f"no metric {', '.join(unknown)}: choose from {', '.join(known)}")
    check_published(results, args.published, how)
    panels = {metric: build_curves(results, metric, how, args.published, others) for metric in args.metric}
    note = describe(results, how)
    tables = bd_tables(panels, results, args.bd) if args.bd else {}
    if args.output:
        figure = charts.draw(panels, note, log=args.log, max_rate=args.max_rate)
        kind = Path(args.output).suffix.lower()[1:]
        is_page = kind == "html"
        data = curve_page(figure, panels, note, tables).encode() if is_page else charts.to_bytes(figure, kind)
        write_whole(args.output, data, replace=args.force)
    if args.work:
        (anchor, differences), *_ = tables.values()
        seconds = {codec: results.decoding_seconds(codec) for codec in results.codecs}
        figure = charts.draw_work(differences, anchor, seconds)
        write_whole(args.work, charts.to_bytes(figure, Path(args.work).suffix.lower()[1:]), replace=args.force)
    if args.bd:
        print(tables_as_text(tables, args.table, note))
    return 0


def _plot_runs(args: argparse.Namespace) -> int:
    if other := [path for path in args.results if not is_run(path)]:
        raise UsageError(f"{other[0]} has no log of a training: name folders of runs of lic train, and no other files")
    if not args.output or args.bd:
        raise UsageError("a training run has a figure and no table: give its file with -o, and leave --bd out")
    check_output(args.output, ".png", ".svg", ".pdf", force=args.force)
    figure = charts.to_bytes(run_figure(args.results), Path(args.output).suffix.lower()[1:])
    write_whole(args.output, figure, replace=args.force)
    return 0
