"""The page of `lic report`: curves, pictures, errors and bits of a trained model."""

import html
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lic.codec.model.frozen import FrozenModel
from lic.codec.picture.fidelity import squared_error
from lic.tools.evaluation import bd, charts, codecs
from lic.tools.evaluation.curves import METRICS, picture_curve
from lic.tools.evaluation.measuring import evaluate, names_of
from lic.tools.evaluation.panels import UndefinedMetric, bd_note, bd_tables, build_curves, describe
from lic.tools.evaluation.results import Results
from lic.tools.fitting.freezing import open_model
from lic.tools.fitting.latents import CHUNKS
from lic.tools.pages import closeup, page
from lic.tools.pages.closeup import Examined
from lic.tools.progress_bar import progress

ANCHOR = "jpeg"
PANELS = ("psnr", "ms-ssim-db")


class Measured(NamedTuple):
    """A model, the measurements of it and of other codecs, and the pictures of the close-up."""

    model: FrozenModel
    results: Results
    examined: list[Examined]


def measure_model(
    name: str, paths: Sequence[str], references: Sequence[str], quality: float, jobs: int, crops: int = CHUNKS
) -> Measured:
    """Measure a model beside reference codecs, as far as they are installed.

    It is a name or path, or a training run, the contexts of which are fitted on so many `crops` first.
    """
    with tempfile.TemporaryDirectory() as folder:
        model, path = open_model(name, Path(folder), crops)
        position = model.position(quality)
        ladder = sorted({*lambda_qualities(model), model.quality(position)})
        names = [codecs.LIC, *filter(codecs.is_available, dict.fromkeys([ANCHOR, *references]))]
        results = evaluate(paths, names, [path], {codecs.LIC: tuple(ladder)}, jobs)
        files = dict(zip(names_of(paths), paths, strict=True))
        looked_at = progress(results.pictures(), "looking closely", few_lines=False)
        return Measured(model, results, [closeup.examine(name, files[name], model, quality) for name in looked_at])


def lambda_qualities(model: FrozenModel) -> list[float]:
    """The qualities at which the lambda points lie."""
    return [model.quality(model.position_of_lambda(value)) for value in model.lambdas]


def report_page(measured: Measured, quality: float, maps: int) -> str:
    """The whole page, with maps of so many pictures."""
    model, results, examined = measured
    ours = next(name for name in results.codecs if name.startswith(codecs.LIC))
    note = describe(results, "setting")
    parts = [f"<h1>{html.escape(model.name)}: rate and distortion</h1>", curves(results, note), card(model, results)]
    parts += ["<h2>Lambda points</h2>", page.table(lambda_rows(model, results, ours))]
    parts.append(
        '<p class="note">Means over the pictures, of real files. Error: mean squared error in grey levels; '
        "loss: bits per pixel + lambda times error.</p>"
    )
    parts += [
        f"<h2>Pictures at quality {quality:g}</h2>",
        page.table(picture_rows(results, ours, quality), "sorts"),
    ]
    parts.append('<p class="note">A click on the head of a column sorts by it, another one turns it round.</p>')
    if examined:
        shown = examined[:maps]
        parts.append("<h2>Where the bits go</h2>")
        parts += [closeup.channels(model, examined), closeup.densities(model, examined)]
        parts += [f"<h2>Errors and bits at quality {quality:g}</h2>", closeup.map_note(shown)]
        parts += [closeup.map_row(picture, closeup.peak_rate(shown)) for picture in shown]
    title = f"{model.name}: lic report"
    return page.page(
        title, "\n".join(["<main>", *parts, "</main>"]), style=page.asset("report.css"), script=page.asset("report.js")
    )


def card(model: FrozenModel, results: Results) -> str:
    """The description of the model and of the measurement, to be unfolded."""
    facts = {"fingerprint": model.fingerprint.hex()} | model.card
    lines = ["; ".join(f"{key}: {plain(value)}" for key, value in facts.items() if plain(value))]
    lines.append(f"decoding: {model.architecture.decoding_macs / 1000:,.1f} thousand multiplications per pixel")
    lines += [results.dataset, *(f"{info.label}: {info.version}" for info in results.codecs.values())]
    lines += [f"left out, because a codec failed on it: {name}" for name in results.failed()]
    told = "<br>".join(html.escape(line) for line in lines if line)
    return f'<details><summary>The model and the measurement</summary><p class="note">{told}</p></details>'


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
    for metric in PANELS:
        try:
            panels[metric] = build_curves(results, metric, "setting")
        except UndefinedMetric:  # MS-SSIM of small pictures
            continue
    parts = [charts.to_svg(charts.draw(panels, note))]
    for metric, (label, differences) in bd_tables(panels, results, ANCHOR).items():
        parts.append(page.table(bd.rows(differences, label, metric), best=bd.BEST))
    return "\n".join([*parts, f'<p class="note">{html.escape(bd_note(note))}</p>'])


def lambda_rows(model: FrozenModel, results: Results, ours: str) -> list[list[str]]:
    """For each lambda point its rate, quality and loss."""
    rows = [["lambda", "quality", "bits per pixel", "PSNR (RGB), dB", "error", "loss"]]
    pictures = results.pictures()
    for lambda_, quality in zip(model.lambdas, lambda_qualities(model), strict=True):
        found = [m for name in pictures for m in results.of(ours, name) if m.setting == quality]
        if found:
            bpp = float(np.mean([m.bpp for m in found]))
            psnr = METRICS["psnr"].mean([m.psnr for m in found])
            error = float(np.mean([squared_error(m.psnr) for m in found]))
            loss = bpp + lambda_ * error
            rows.append([f"{lambda_:g}", f"{quality:.1f}", f"{bpp:.4f}", f"{psnr:.3f}", f"{error:.3f}", f"{loss:.4f}"])
    return rows


def picture_rows(results: Results, ours: str, quality: float) -> list[list[str]]:
    """One picture a row."""
    header = ["picture", "width", "height", "bytes", "bits per pixel", "PSNR (RGB), dB", "MS-SSIM"]
    header += ["BD-rate against JPEG, %", "encode, ms", "decode, ms"]
    rows = []
    for name in results.pictures():
        m = min(results.of(ours, name), key=lambda m: abs(m.setting - quality))
        pair = [picture_curve(results, codec, name, METRICS["psnr"]) for codec in (ANCHOR, ours)]
        percent = bd.compare_curves(pair[0], pair[1]).rate_percent
        numbers = [f"{m.bpp:.4f}", f"{m.psnr:.2f}", f"{m.ms_ssim:.4f}", f"{percent:+.1f}"]
        numbers += [f"{1000 * m.encode_seconds:.0f}", f"{1000 * m.decode_seconds:.0f}"]
        cells = ["-" if "nan" in cell else cell for cell in numbers]
        rows.append([name, str(m.width), str(m.height), str(m.bytes), *cells])
    return [header, *rows]
