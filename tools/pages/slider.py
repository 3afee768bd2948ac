"""The page of `lic compare`: all versions of a photo in one file, with a divider between any two of them."""

import html
from collections.abc import Sequence

from lic.codec.file.container import MAGIC
from lic.tools.evaluation.codecs import Pixels
from lic.tools.evaluation.versions import WHICH_METRICS, Version
from lic.tools.files import png
from lic.tools.pages import page, viewer

# Shows the versions that are .lic files, once they are decoded.
DECODE = """
for (const image of document.querySelectorAll("img[data-lic]")) {
  lic.file(image.dataset.lic).then(lic.png).then((png) => {
    image.addEventListener("load", show);
    image.src = URL.createObjectURL(png);
  });
}
"""


def slider_page(name: str, original: Pixels, versions: Sequence[Version], limit: int, live: bool = False) -> str:
    """The whole page, with a table of all numbers.

    With `live`, versions by lic are .lic files in the page, and its reader's browser decodes them.
    """
    height, width = original.shape[:2]
    labels = ["Original", *(version.label for version in versions)]
    captions = [f"Original, {width} x {height} pixels", *(f"{v.label}, {v.size()}\n{v.quality()}" for v in versions)]
    pictures = [original, *(version.pixels for version in versions)]
    files = {v.label: viewer.picture_of(v.label, v.file) for v in versions if live and v.file.startswith(MAGIC)}
    held = dict(zip(files, viewer.picture_files(files.values()), strict=True))  # where the page has a version's file
    sources = [
        f'data-lic="{held[label]}"' if label in held else f'src="{page.data_uri(png(pixels))}"'
        for label, pixels in zip(labels, pictures, strict=True)
    ]
    images = "\n".join(
        f'<img alt="{html.escape(caption)}" {source} draggable="false">'
        for caption, source in zip(captions, sources, strict=True)
    )

    def options(selected: int) -> str:
        return "".join(
            f'<option value="{i}"{" selected" * (i == selected)}>{i + 1} {html.escape(label)}</option>'
            for i, label in enumerate(labels)
        )

    body = f"""<h1>{html.escape(name)} in at most {limit} bytes</h1>
<p class="note">{WHICH_METRICS}</p>
<div id="tools">
<label>left <select id="left">{options(1)}</select></label>
<button id="swap" type="button">swap</button>
<label>right <select id="right">{options(min(2, len(versions)))}</select></label>
<label>size <select id="zoom"><option value="fit" selected>fit</option><option value="1">1:1</option>
<option value="2">2:1</option><option value="4">4:1</option></select></label>
</div>
<div id="captions"><p id="left-caption"></p><p id="right-caption"></p></div>
<div id="window"><div id="stage">
{images}
<div id="divider" role="slider" tabindex="0" aria-label="divider between the left and the right version"
 aria-valuemin="0" aria-valuemax="100" aria-valuenow="50"></div>
</div></div>
<p class="note">Drag the divider, or use the keys: <kbd>&larr;</kbd> <kbd>&rarr;</kbd> move it (faster with
<kbd>Shift</kbd>), <kbd>Home</kbd> <kbd>End</kbd> show one version alone, <kbd>1</kbd> to
<kbd>{len(labels)}</kbd> choose the right version (with <kbd>Shift</kbd> the left one), <kbd>x</kbd> swaps
them, <kbd>z</kbd> changes the size.</p>
{page.table(number_rows(versions))}
<noscript>The slider needs JavaScript; the numbers do not.</noscript>"""
    title, style, script = f"{name}: lic compare", page.asset("compare.css"), page.asset("compare.js")
    if not files:
        return page.page(title, body, style=style, script=script)
    body += "\n" + viewer.decoder_inside([*files.values()], viewer.models_of(files.values()))
    return page.page(title, body, style=style, script=script + DECODE, policy=viewer.ALONE)


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
        rows.append([v.label, f"{v.setting:g}", str(v.bytes), f"{v.bpp:.3f}", *cells])
    return [header, *rows]
