"""The page of `lic compare`: all versions of a photo in one file, with a divider between any two of them."""

import html
from collections.abc import Sequence
from pathlib import Path

from lic.codec.file.container import MAGIC
from lic.tools.evaluation.codecs import Pixels
from lic.tools.evaluation.versions import WHICH_METRICS, Version
from lic.tools.files import png
from lic.tools.pages import page, viewer

BEST = {4: max, 5: max, 6: max, 7: max, 8: max, 9: max}  # columns of the numbers in which the most is best


def slider_page(name: str, original: Pixels, versions: Sequence[Version], limit: int, live: bool = False) -> str:
    """The whole page, with a table of all numbers.

    With `live`, versions by lic are .lic files in the page, and its reader's browser decodes them.
    """
    height, width = original.shape[:2]
    labels = ["Original", *(version.label for version in versions)]
    captions = [f"Original\n{width} x {height} pixels", *map(caption, versions)]
    pictures = [original, *(version.pixels for version in versions)]
    files = {v.label: viewer.picture_of(v.label, v.file) for v in versions if live and v.file.startswith(MAGIC)}
    held = dict(zip(files, viewer.picture_files(files.values()), strict=True))  # where the page has a version's file

    def element(label: str, caption: str, pixels: Pixels) -> str:
        told = f'data-caption="{html.escape(caption)}"'
        if label in held:
            named = f'role="img" aria-label="{html.escape(label)}"'
            return f'<canvas {named} {told} data-lic="{held[label]}" width="0" height="0"></canvas>'
        return f'<img alt="{html.escape(label)}" {told} src="{page.data_uri(png(pixels))}" draggable="false">'

    elements = "\n".join(map(element, labels, captions, pictures))

    def options(selected: int) -> str:
        return "".join(
            f'<option value="{i}"{" selected" * (i == selected)}>{i + 1} {html.escape(label)}</option>'
            for i, label in enumerate(labels)
        )

    title = f"{Path(name).stem} at {page.size(limit)}, {page.count(len(versions), 'codec')}"
    body = f"""<main><h1>{html.escape(title)}</h1>
{stage(elements, width, height, options(1), options(min(2, len(versions))))}
<p class="note keys">Drag the divider by its handle, and the picture when it is larger than its frame. Two fingers, or
<kbd>Ctrl</kbd> and the wheel, change its size at the pointer. Keys: <kbd>&larr;</kbd> <kbd>&rarr;</kbd> move the
divider (faster with <kbd>Shift</kbd>), <kbd>Home</kbd> <kbd>End</kbd> show one version alone, <kbd>1</kbd> to
<kbd>{len(labels)}</kbd> choose the right version (with <kbd>Shift</kbd> the left one), <kbd>x</kbd> swaps them,
<kbd>z</kbd> <kbd>+</kbd> <kbd>-</kbd> change the size.</p>
{page.table(number_rows(versions), "numbers", best=BEST)}
<p class="note">{WHICH_METRICS}</p>
<noscript>The slider needs JavaScript; the numbers do not.</noscript></main>"""
    style, script = page.asset("compare.css"), page.asset("stage.js") + page.asset("compare.js")
    if not files:
        return page.page(f"{title}: lic compare", body, style=style, script=script)
    body += "\n" + viewer.decoder_inside([*files.values()], viewer.models_of(files.values()))
    return page.page(f"{title}: lic compare", body, style=style, script=script, policy=viewer.ALONE)


def caption(version: Version) -> str:
    """The lines above a version."""
    return "\n".join([version.label, version.size(), version.quality().replace(", MS-SSIM", "\nMS-SSIM")])


def stage(elements: str, width: int, height: int, left: str, right: str) -> str:
    """Elements of this size upon each other, and controls that choose two of them, for `stage.js` and `compare.js`."""
    return f"""<div id="tools">
<label>left <select id="left">{left}</select></label>
<button id="swap" type="button" aria-label="swap left and right">&harr;</button>
<label>right <select id="right">{right}</select></label>
<label>size <select id="zoom"><option>fit</option><option>1 : 1</option><option>2 : 1</option><option>4 : 1</option>
<option hidden></option></select></label>
</div>
<div id="captions"><p id="left-caption"></p><p id="right-caption"></p></div>
<div><div id="stage"><div id="paper" data-width="{width}" data-height="{height}">
{elements}
</div>
<div id="divider" role="slider" tabindex="0" aria-label="divider between the left and the right version"
 aria-valuemin="0" aria-valuemax="100" aria-valuenow="50"></div></div></div>"""


def number_rows(versions: Sequence[Version]) -> list[list[str]]:
    """The rows of the table of numbers."""
    header = ["codec", "setting", "bytes", "bit/px"]
    header += ["PSNR RGB, dB", "PSNR luma, dB", "PSNR chroma, dB", "SSIM", "MS-SSIM", "MS-SSIM, dB"]
    rows = []
    for v in versions:
        s = v.scores
        decibels = [f"{value:.2f}" for value in (s.psnr, s.psnr_luma, s.psnr_chroma)]
        similarities = [f"{s.ssim:.4f}", f"{s.ms_ssim:.4f}", f"{s.ms_ssim_db:.2f}"]
        cells = ["-" if cell == "nan" else cell for cell in decibels + similarities]
        rows.append([v.label, f"{v.setting:.3g}", str(v.bytes), f"{v.bpp:.3f}", *cells])
    return [header, *rows]
