"""The tables of the documents, made of the measurements in this folder.

    python -m tests.results.documents    # in the repository's root: rewrites the documents, and draws README's curves

What stands in a document between `<!-- begin NAME -->` and `<!-- end NAME -->` is what the function NAME of BLOCKS
returns. `test_measured.py` fails where the two differ, so change the measurements, or the function, and run this.
How to measure again stands in tools/evaluation/MEASUREMENTS.md.
"""

import json
import math
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lic.codec.encode.settings import DEFAULT_QUALITY
from lic.tools.cli import main as lic
from lic.tools.evaluation import bd
from lic.tools.evaluation.curves import METRICS, get_metric, mean_curve, published_curve
from lic.tools.evaluation.results import Results, load_results
from tests.benchmarks import hostile_pictures
from tests.results import acceptance as rule

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
PAGES = (
    "README.md",
    "models/TRAINING.md",
    "codec/LIMITS.md",
    "tools/evaluation/MEASUREMENTS.md",
    "tools/browser/README.md",
)
PUBLISHED = ("balle2017", "factorized", "hyperprior", "bpg")
BLOCK = re.compile(r"(<!-- begin (\S+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)
KODAK = [FOLDER / f"kodak-{name}.json" for name in ("lic", "effort4", "effort16", "ms-ssim", "classical", "avif-psnr")]
USES = {40: "thumbnails, previews", 50: "web pages", DEFAULT_QUALITY: "anything (the default)", 90: "keeping"}
VISITED = "jpeg", "webp", "avif444", "avif444-psnr"
WIDTH, HEIGHT = 768, 512  # of Kodak's pictures
CURVES = ["lic", "jpeg", "jpeg2000", "webp", "avif444-psnr", "jxl"]


def read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text())


def results(*names: str) -> Results:
    return load_results(FOLDER / name for name in names)


def differences(results: Results, anchor: str, metric: str, published: tuple[str, ...] = ()) -> list[bd.Difference]:
    curves = [mean_curve(results, codec, get_metric(metric)) for codec in results.codecs]
    curves += [published_curve(name, metric) for name in published]
    return bd.compare_all(curves, anchor, results, metric)


def kodak() -> str:
    """BD-rates against JPEG, the best first; ours in bold."""
    measured = load_results(KODAK)
    by_psnr = differences(measured, "jpeg", "psnr", PUBLISHED)
    by_ms_ssim = {d.codec: d.rate_percent for d in differences(measured, "jpeg", "ms-ssim-db", PUBLISHED)}
    rows = [
        ["against JPEG 4:2:0 (optimised) on Kodak", "BD-rate, PSNR", "per picture", "BD-rate, MS-SSIM", "kMAC/pixel"]
    ]
    for d in by_psnr:
        numbers = d.rate_percent, d.per_picture_percent, by_ms_ssim[d.codec]
        cells = [d.label, *("-" if math.isnan(number) else f"{number:.1f} %" for number in numbers)]
        cells.append("-" if math.isnan(d.kmacs) else f"{d.kmacs:.1f}")
        rows.append([f"**{cell}**" for cell in cells] if d.codec.startswith("lic") else cells)
    return bd.as_markdown(rows)


def by_setting(measured: Results, codec: str) -> tuple[list[float], list[float], list[float]]:
    """Settings, mean PSNR, and the logarithms of mean bits per pixel."""
    points = mean_curve(measured, codec, METRICS["psnr"]).points
    settings = sorted({m.setting for m in measured.measurements if m.codec == codec})
    return settings, [point.value for point in points], [math.log(point.bpp) for point in points]


def qualities() -> str:
    """Which quality for what, and which JPEG file has the same PSNR."""
    measured = results("kodak-lic.json", "kodak-classical.json")
    settings, values, rates = by_setting(measured, "lic")
    jpeg_settings, jpeg_values, jpeg_rates = by_setting(measured, "jpeg")
    rows = [["quality", "for", "PSNR, dB", "bits per pixel", "JPEG of that PSNR: quality", "its bytes, times"]]
    for quality, use in USES.items():
        psnr, rate = np.interp(quality, settings, values), np.interp(quality, settings, rates)
        jpeg, times = (
            np.interp(psnr, jpeg_values, jpeg_settings),
            math.exp(np.interp(psnr, jpeg_values, jpeg_rates) - rate),
        )
        rows.append([f"{quality:g}", use, f"{psnr:.1f}", f"{math.exp(rate):.2f}", f"{jpeg:.0f}", f"{times:.1f}"])
    return bd.as_markdown(rows)


def visitors() -> str:
    """What a picture on a page saves against files of equal PSNR, and how many make up for the model."""
    measured, model = load_results(KODAK), read("browser.json")["bytes"]["model"]
    settings, values, rates = by_setting(measured, "lic")
    psnr, rate = np.interp(DEFAULT_QUALITY, settings, values), np.interp(DEFAULT_QUALITY, settings, rates)
    rows = [["beside", "saved for a picture, kB", "the model is worth, pictures"]]
    for codec in VISITED:
        _, other, other_rates = by_setting(measured, codec)
        bits = math.exp(np.interp(psnr, other, other_rates)) - math.exp(rate)
        saved = bits * WIDTH * HEIGHT / 8
        rows.append([measured.codecs[codec].label, f"{saved / 1e3:.1f}", f"{model / saved:,.0f}"])
    return bd.as_markdown(rows)


def effort() -> str:
    """What --effort saves on the validation set."""
    measured = results("acceptance.json", "valid-effort16.json")
    saved = {d.codec: f"{d.rate_percent:.1f} %" for d in differences(measured, "candidate", "psnr")}
    return bd.as_markdown([["effort", "BD-rate"], ["4", saved["candidate-effort4"]], ["16", saved["lic-effort16"]]])


def validation() -> str:
    """What the shipped models' files come to on the validation set, by quality."""
    measured = results("acceptance.json", "valid-ms-ssim.json")
    columns = [["quality", *(f"{quality:g}" for quality in rule.QUALITIES)]]
    for codec, model in (("candidate", "photo"), ("lic-photo-ms-ssim", "photo-ms-ssim")):
        psnr, ms_ssim = (mean_curve(measured, codec, METRICS[metric]).points for metric in ("psnr", "ms-ssim"))
        columns += [
            [f"`{model}`: bit/pixel", *(f"{point.bpp:.3f}" for point in psnr)],
            ["PSNR, dB", *(f"{point.value:.2f}" for point in psnr)],
            ["MS-SSIM", *(f"{point.value:.4f}" for point in ms_ssim)],
        ]
    return bd.as_markdown(list(zip(*columns, strict=True)))


def acceptance() -> str:
    """By how much the shipped model is better than the one before it."""
    return bd.as_markdown(rule.table(results("acceptance.json")))


def speed() -> str:
    """Where the time goes."""
    figures = read("speed.json")
    rows = [
        [name, *(f"{value:,.{int(value < 10)}f}" for value in times)] for name, times in figures["milliseconds"].items()
    ]
    table = bd.as_markdown([["step", "median, ms", "fastest", "slowest"], *rows])
    return f"{table}\n\n{figures['runs']} runs on {place(figures)}."


def place(figures: dict[str, Any]) -> str:
    """Where figures were taken."""
    machine = figures["machine"]
    return f"{machine['processor']}, {machine['cores']} core{'s' * (machine['cores'] > 1)}, {machine['system']}"


def targets() -> str:
    """What users feel of size and speed, and what was aimed at."""
    figures = read("targets.json")
    models = figures["models"]
    rows = [["what", *(f"`{name.split()[0]}`" for name in models), "aim"]]
    for name, aim in figures["aims"].items():
        values = [of_model[name] for of_model in models.values()]
        rows.append([name, *(f"{value:.0f}" if value >= 100 else f"{value:.3g}" for value in values), aim or "-"])
    return f"{bd.as_markdown(rows)}\n\nOn {place(figures)}; models {', '.join(models)}."


def compressai() -> str:
    """Speed beside CompressAI's factorised model."""
    figures = read("compressai.json")
    rows = [["call", "lic, ms", "CompressAI, ms", "times as fast", "range"]]
    for call in ("encode", "decode"):
        ratio, low, high = figures[call]["ratio"]
        times = [f"{figures[call][codec]:,}" for codec in ("lic", "CompressAI")]
        rows.append([call, *times, f"{ratio:.1f}", f"{low:.1f} to {high:.1f}"])
    return f"{bd.as_markdown(rows)}\n\n{figures['rounds']} rounds on {place(figures)}."


def browser() -> str:
    """Time and sizes in a browser."""
    figures = read("browser.json")
    rows = [["decode", "median, ms", "fastest", "slowest", "the first, ms"]]
    labels = {"lic-simd.wasm": "with vector instructions", "lic.wasm": "without"}
    for name, times in figures["milliseconds"].items():
        rows.append([labels[name], *(f"{times[key]:,}" for key in ("median", "fastest", "slowest", "first"))])
    sizes = ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in figures["bytes"].items())
    width, height = figures["pixels"]
    return (
        f"{bd.as_markdown(rows)}\n\n{width} x {height} pixels, {figures['runs']} runs in {figures['browser']} on "
        f"{place(figures)}, model {figures['model']}.\nSizes: {sizes}."
    )


def core() -> str:
    """The core beside the version before it, which ran the networks by ncnn."""
    figures = read("core.json")
    rows = [["what", "now, s", "2218cd9, s", "ratio", "range"]]
    for what, found in figures["seconds"].items():
        low, high = found["range"]
        rows.append([what, found["now"], found["before"], f"{found['ratio']:.2f}", f"{low:.2f} to {high:.2f}"])
    return f"{bd.as_markdown([[str(cell) for cell in row] for row in rows])}\n\nOn {place(figures)}."


def eye() -> str:
    """Codecs by a metric near to what people see, beside PSNR, the best for the eye first."""
    measured = results("eye.json")
    by_psnr = {d.codec: f"{d.rate_percent:.1f} %" for d in differences(measured, "jpeg", "psnr")}
    rows = [["against JPEG 4:2:0 (optimised)", "BD-rate, SSIMULACRA2", "BD-rate, PSNR"]]
    for d in differences(measured, "jpeg", "ssimulacra2"):
        rows.append([d.label, f"{d.rate_percent:.1f} %", by_psnr[d.codec]])
    return bd.as_markdown(rows)


def memory() -> str:
    """Large pictures."""
    rows = [["picture", "call", "peak memory", "before the call", "time"]]
    for name in ("large.json", "large-effort1.json"):
        figures = read(name)
        effort = f", effort {figures['effort']}" if figures["effort"] else ""
        for call in figures["calls"]:
            numbers = f"{call['peak']:,} MiB", f"{call['before']:,} MiB", f"{call['seconds']:.0f} s"
            what = call["call"] + effort if call["call"] == "encode" else call["call"]
            rows.append([f"{figures['megapixels']:g} megapixels", what, *numbers])
    return f"{bd.as_markdown(rows)}\n\nOn {place(read('large.json'))}."


def hostile() -> str:
    """Pictures that are no photographs."""
    return hostile_pictures.table(read("hostile.json")["rows"])


BLOCKS: dict[str, Callable[[], str]] = {
    "kodak": kodak,
    "qualities": qualities,
    "visitors": visitors,
    "eye": eye,
    "effort": effort,
    "validation": validation,
    "acceptance": acceptance,
    "speed": speed,
    "targets": targets,
    "compressai": compressai,
    "browser": browser,
    "core": core,
    "memory": memory,
    "hostile": hostile,
}


def blocks_of(text: str) -> list[str]:
    """The names of the blocks in a document."""
    return [found[2] for found in BLOCK.finditer(text)]


def filled(text: str) -> str:
    """A document with the present content of its blocks."""
    return BLOCK.sub(lambda found: f"{found[1]}{content(found[2])}\n{found[3]}", text)


@cache
def content(name: str) -> str:
    return BLOCKS[name]()


def main() -> int:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        if (new := filled(text)) != text:
            (ROOT / page).write_text(new, encoding="utf-8")
            print(f"{page} has changed")
    curves, picture = list(map(str, KODAK)), str(ROOT / "tools" / "readme" / "kodak.png")
    return lic(
        ["plot", *curves, "-o", picture, "--force", "--codecs", *CURVES, "--published", "factorized", "--max-rate", "2"]
    )


if __name__ == "__main__":
    sys.exit(main())
