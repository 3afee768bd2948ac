"""`lic report`: a page about a trained model, for the one who trained it."""

import argparse
import html
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from lic.codec.errors import BadModel
from lic.tools.cli import UsageError
from lic.tools.commands import plot
from lic.tools.commands.evaluate import evaluate, names_of, split_names
from lic.tools.evaluation import bd, charts, codecs
from lic.tools.evaluation.metrics import PEAK
from lic.tools.evaluation.results import Measurement, Results
from lic.tools.files import write_whole
from lic.tools.pages import page

if TYPE_CHECKING:
    from lic.codec.model.frozen import FrozenModel
    from lic.tools.pages.closeup import Examined

ANCHOR = "jpeg"
REFERENCES = (ANCHOR, "jpeg2000", "webp", "avif")
METRICS = ("psnr", "ms-ssim-db")
DEFAULT_QUALITY = 50.0
DEFAULT_MAPS = 8

EXAMPLES = """\
examples:
  lic report runs/mine valid/ -o report.html              a run's best checkpoint
  lic report my.safetensors valid/*.png -o report.html    a model file
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic report RUN_OR_MODEL IMAGES... -o REPORT.html"
    parser.epilog = EXAMPLES
    parser.add_argument("model", metavar="RUN_OR_MODEL", help="a training run's folder or checkpoint, or a model")
    parser.add_argument("images", nargs="+", metavar="IMAGES", help="pictures, or folders of pictures")
    parser.add_argument("-o", "--output", required=True, metavar="REPORT", help="the page, an .html file")
    parser.add_argument(
        "--codecs", nargs="+", metavar="CODEC", help=f"to compare with (default: {' '.join(REFERENCES)})"
    )
    parser.add_argument(
        "-q",
        "--quality",
        type=float,
        default=DEFAULT_QUALITY,
        help="of the maps and the densities (default: 50)",
    )
    parser.add_argument(
        "--maps",
        type=int,
        default=DEFAULT_MAPS,
        metavar="N",
        help=f"pictures to show (default: {DEFAULT_MAPS})",
    )
    cores = os.cpu_count() or 1
    parser.add_argument("-j", "--jobs", type=int, default=cores, help=f"processes (default: {cores})")


def run(args: argparse.Namespace) -> int:
    if Path(args.output).suffix.lower() != ".html":
        raise UsageError(f"the report is a page: name {args.output} .html")
    if not Path(args.output).absolute().parent.is_dir():
        raise UsageError(f"there is no folder for {args.output}: make it first")
    from lic.tools.pages import closeup
    from lic.tools.training.pictures import find_pictures

    paths = list(map(str, find_pictures(args.images)))
    if not paths:
        raise UsageError(f"no pictures in {', '.join(args.images)}")
    references = split_names(args.codecs) if args.codecs else list(REFERENCES)
    if ANCHOR not in references:
        references.insert(0, ANCHOR)
    with tempfile.TemporaryDirectory() as folder:
        model, path = open_model(args.model, Path(folder))
        position = model.position(args.quality)
        ladder = sorted({*lambda_qualities(model), model.quality(position)})
        names = [codecs.LIC, *(name for name in references if codecs.is_available(name))]
        results = evaluate(paths, names, [path], {codecs.LIC: tuple(ladder)}, args.jobs)
        files = dict(zip(names_of(paths), paths, strict=True))
        bar = tqdm(results.pictures(), desc="looking closely", unit="picture", disable=None)
        examined = [closeup.examine(name, files[name], model, args.quality) for name in bar]
    write_whole(args.output, build_report(model, results, examined, args.quality, args.maps).encode())
    print(f"{args.output}: {model.name} on {len(examined)} of {len(paths)} pictures")
    return 1 if results.failed() else 0


def open_model(name: str, folder: Path) -> tuple["FrozenModel", str]:
    """A model by name or path, or a training run that is frozen into `folder` first; and its path or name."""
    from lic.codec.model.loader import get_model
    from lic.tools.commands.export import export
    from lic.tools.training.checkpoint import CheckpointError

    if not Path(name).is_dir():
        try:
            return get_model(name), name
        except BadModel:
            pass
    try:
        model = export(Path(name), Path(name).stem)
    except (CheckpointError, OSError) as error:
        raise BadModel(f"{name} is neither a model nor a training run ({error})") from error
    path = folder / "report.safetensors"
    path.write_bytes(model.to_bytes())
    return model, str(path)


def lambda_qualities(model: "FrozenModel") -> list[float]:
    """The qualities at which the lambda points lie."""
    return [model.quality(model.position_of_lambda(value)) for value in model.lambdas]


def build_report(
    model: "FrozenModel", results: Results, examined: Sequence["Examined"], quality: float, maps: int
) -> str:
    """The whole page."""
    from lic.tools.pages import closeup

    ours = next(name for name in results.codecs if name.startswith(codecs.LIC))
    note = plot.describe(results, "setting")
    parts = [f"<h1>{html.escape(model.name)}</h1>", card(model, results), curves(results, note)]
    parts += ["<h2>Lambda points</h2>", page.table(lambda_rows(model, results, ours))]
    parts.append(
        '<p class="note">Means over the pictures, of real files. Error: mean squared error in grey levels; '
        "loss: bits per pixel + lambda times error.</p>"
    )
    parts += [
        f"<h2>Pictures at quality {quality:g}</h2>",
        page.table(picture_rows(results, ours, quality), ' class="sorts"'),
    ]
    parts.append('<p class="note">A click on the head of a column sorts by it, another one turns it round.</p>')
    if examined:
        shown = examined[:maps]
        parts.append("<h2>Where the bits go</h2>")
        parts += [closeup.channels(model, examined), closeup.densities(model, examined)]
        parts += [f"<h2>Errors and bits at quality {quality:g}</h2>", closeup.map_note(shown)]
        parts += [closeup.map_row(picture, closeup.peak_rate(shown)) for picture in shown]
    title = f"{model.name}: lic report"
    return page.page(title, "\n".join(parts), style=page.asset("report.css"), script=page.asset("report.js"))


def card(model: "FrozenModel", results: Results) -> str:
    """What is known of the model and of the measurement."""
    facts = {"fingerprint": model.fingerprint.hex()} | model.card
    lines = ["; ".join(f"{key}: {plain(value)}" for key, value in facts.items() if plain(value))]
    lines += [results.dataset, *(f"{info.label}: {info.version}" for info in results.codecs.values())]
    lines += [f"left out, because a codec failed on it: {name}" for name in results.failed()]
    return '<p class="note">' + "<br>".join(html.escape(line) for line in lines if line) + "</p>"


def plain(value: Any) -> str:
    """A value of a model's card in one line; nothing for tables, of which the page has its own.

    >>> plain([1, 2]), plain({"pictures": 5}), plain([{"loss": 1}])
    ('1, 2', 'pictures 5', '')
    """
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "" if any(isinstance(item, dict) for item in value) else ", ".join(map(str, value))
    return str(value)


def curves(results: Results, note: str) -> str:
    """Rate-distortion curves, and the Bjontegaard table of each metric that all pictures have."""
    panels = {}
    for metric in METRICS:
        try:
            panels[metric] = plot.build_curves(results, metric, "setting")
        except UsageError:  # MS-SSIM of small pictures
            continue
    parts = [charts.to_svg(charts.draw(panels, note))]
    for metric, (label, differences) in plot.bd_tables(panels, results, ANCHOR).items():
        parts.append(page.table(bd.rows(differences, label, metric)))
    return "\n".join([*parts, f'<p class="note">{html.escape(plot.bd_note(note))}</p>'])


def lambda_rows(model: "FrozenModel", results: Results, ours: str) -> list[list[str]]:
    """For each lambda point its rate, quality and loss."""
    rows = [["lambda", "quality", "bits per pixel", "PSNR (RGB), dB", "error", "loss"]]
    pictures = results.pictures()
    for lambda_, quality in zip(model.lambdas, lambda_qualities(model), strict=True):
        found = [m for name in pictures for m in results.of(ours, name) if m.setting == quality]
        if found:
            bpp = float(np.mean([m.bpp for m in found]))
            psnr = plot.METRICS["psnr"].mean([m.psnr for m in found])
            error = float(np.mean([PEAK**2 * 10 ** (-m.psnr / 10) for m in found]))
            loss = bpp + lambda_ * error
            rows.append([f"{lambda_:g}", f"{quality:.1f}", f"{bpp:.4f}", f"{psnr:.3f}", f"{error:.3f}", f"{loss:.4f}"])
    return rows


def picture_rows(results: Results, ours: str, quality: float) -> list[list[str]]:
    """One picture a row."""
    header = ["picture", "width", "height", "bytes", "bits per pixel", "PSNR (RGB), dB", "MS-SSIM"]
    header += ["BD-rate against JPEG, %", "encode, ms", "decode, ms"]
    rows = []
    for name in results.pictures():
        m = nearest(results.of(ours, name), quality)
        pair = [plot.picture_curve(results, codec, name, plot.METRICS["psnr"]) for codec in (ANCHOR, ours)]
        percent = bd.compare_curves(pair[0], pair[1]).rate_percent
        numbers = [f"{m.bpp:.4f}", f"{m.psnr:.2f}", f"{m.ms_ssim:.4f}", f"{percent:+.1f}"]
        numbers += [f"{1000 * m.encode_seconds:.0f}", f"{1000 * m.decode_seconds:.0f}"]
        cells = ["-" if "nan" in cell else cell for cell in numbers]
        rows.append([name, str(m.width), str(m.height), str(m.bytes), *cells])
    return [header, *rows]


def nearest(measurements: Sequence[Measurement], setting: float) -> Measurement:
    return min(measurements, key=lambda m: abs(m.setting - setting))
