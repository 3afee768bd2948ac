"""`lic compare`: one photo, coded by several codecs into the same number of bytes, side by side."""

import argparse
import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from lic.codec.settings import DEFAULT_EFFORT
from lic.tools.cli import UsageError
from lic.tools.commands.evaluate import split_names
from lic.tools.evaluation import codecs
from lic.tools.evaluation.codecs import Codec, Pixels
from lic.tools.evaluation.metrics import Scores, measure
from lic.tools.files import write_whole
from lic.tools.pages import page

DEFAULT_CODECS = ("lic", "jpeg", "jpeg2000", "webp", "avif")
DEFAULT_JPEG_QUALITY = 10
WHICH_METRICS = (
    "PSNR luma is that of Y, PSNR chroma that of Cb and Cr together (JFIF transform, BT.601); "
    "MS-SSIM is the mean of those of R, G and B."
)

EXAMPLES = f"""\
examples:
  lic compare photo.png -o sheet.png                 as many bytes as JPEG at quality {DEFAULT_JPEG_QUALITY}
  lic compare photo.png --bpp 0.2 --html page.html   a page with a slider; works offline
  lic compare photo.png --bytes 20000 --codecs lic jpeg jxl heic -o sheet.png

Each codec makes its largest file of at most that many bytes; one that cannot make so small a file makes its
smallest, and the caption says so.
"""


@dataclass(frozen=True)
class Version:
    """A photo as one codec shows it."""

    label: str
    pixels: Pixels
    bytes: int
    setting: float
    over_limit: bool
    scores: Scores

    @property
    def bpp(self) -> float:
        height, width = self.pixels.shape[:2]
        return 8 * self.bytes / (height * width)

    def size(self) -> str:
        too_large = ", the smallest it can be" if self.over_limit else ""
        return f"{self.bytes} bytes ({self.bpp:.3f} bit/px{too_large})"

    def quality(self) -> str:
        scores = self.scores
        similarity = "-" if scores.ms_ssim != scores.ms_ssim else f"{scores.ms_ssim:.4f}"
        psnr = f"{scores.psnr_luma:.2f} dB luma / {scores.psnr_chroma:.2f} dB chroma"
        return f"PSNR: {psnr}, MS-SSIM: {similarity}"

    def caption(self) -> str:
        return f"{self.label}, {self.size()}, {self.quality()}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic compare PHOTO [--bytes N | --bpp B | --like-jpeg Q] [-o SHEET.png] [--html PAGE.html]"
    parser.epilog = EXAMPLES
    parser.add_argument("photo", metavar="PHOTO")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--bytes", type=int, metavar="N", help="how large the files may be")
    size.add_argument("--bpp", type=float, metavar="B", help="the same in bits per pixel")
    size.add_argument(
        "--like-jpeg",
        type=int,
        metavar="Q",
        help=f"as large as JPEG 4:2:0 at this quality (default: {DEFAULT_JPEG_QUALITY})",
    )
    parser.add_argument("-o", "--output", metavar="SHEET", help="the comparison as one PNG picture")
    parser.add_argument("--html", metavar="PAGE", help="the comparison as a page with a slider")
    known, default = ", ".join(codecs.NAMES), " ".join(DEFAULT_CODECS)
    parser.add_argument("--codecs", nargs="+", metavar="CODEC", help=f"some of {known} (default: {default})")
    parser.add_argument("-m", "--model", help="name or path of lic's model")
    parser.add_argument(
        "-e", "--effort", type=int, default=DEFAULT_EFFORT, metavar="N", help="of lic's encoder; see `lic encode`"
    )


def run(args: argparse.Namespace) -> int:
    if not args.output and not args.html:
        raise UsageError("say where to put it: -o SHEET.png, --html PAGE.html, or both")
    if args.output and Path(args.output).suffix.lower() != ".png":
        raise UsageError(f"the sheet is a PNG picture: name {args.output} so")
    for path in filter(None, (args.output, args.html)):
        if not Path(path).absolute().parent.is_dir():
            raise UsageError(f"there is no folder for {path}: make it first")
    chosen = [codecs.get_codec(name, args.model, args.effort) for name in split_names(args.codecs or DEFAULT_CODECS)]
    pixels = codecs.read_photo(args.photo)
    limit = byte_limit(pixels, args.bytes, args.bpp, args.like_jpeg)
    versions = make_versions(pixels, chosen, limit)
    name = Path(args.photo).name
    if args.output:
        from lic.tools.pages.sheet import draw_sheet

        write_whole(args.output, page.png(draw_sheet(name, pixels, versions)))
    if args.html:
        write_whole(args.html, build_page(name, pixels, versions, limit).encode())
    for version in versions:
        print(version.caption())
    print(WHICH_METRICS)
    return 0


def byte_limit(pixels: Pixels, count: int | None, bpp: float | None, jpeg_quality: int | None) -> int:
    """The largest size of a file that is allowed."""
    if count is not None:
        limit = count
    elif bpp is not None:
        height, width = pixels.shape[:2]
        limit = int(bpp * height * width / 8)
    else:
        quality = DEFAULT_JPEG_QUALITY if jpeg_quality is None else jpeg_quality
        if not 1 <= quality <= 100:
            raise UsageError(f"JPEG has no quality {quality}: choose from 1 to 100")
        limit = len(codecs.get_codec("jpeg").encode(pixels, quality))
    if limit < 1:
        raise UsageError("no picture fits into less than one byte: give a larger size")
    return limit


def make_versions(pixels: Pixels, chosen: Sequence[Codec], limit: int) -> list[Version]:
    """The photo by each codec, in at most `limit` bytes where it can."""
    versions = []
    for codec in tqdm(chosen, desc="coding", unit="codec", disable=None):
        setting, data = codecs.largest_within(partial(codec.encode, pixels), codec.grid, limit)
        decoded = codec.decode(data)
        scores = measure(pixels, decoded)
        versions.append(Version(codec.label, decoded, len(data), setting, len(data) > limit, scores))
    return versions


def build_page(name: str, original: Pixels, versions: Sequence[Version], limit: int) -> str:
    """One file with all versions inside, a divider between any two of them, and their numbers."""
    height, width = original.shape[:2]
    labels = ["Original", *(version.label for version in versions)]
    captions = [
        f"Original, {width} x {height} pixels",
        *(f"{v.label}, {v.size()}\n{v.quality()}" for v in versions),
    ]
    pictures = [original, *(version.pixels for version in versions)]
    images = "\n".join(
        f'<img alt="{html.escape(caption)}" src="{page.data_uri(page.png(pixels))}" draggable="false">'
        for caption, pixels in zip(captions, pictures, strict=True)
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
    return page.page(f"{name}: lic compare", body, style=page.asset("compare.css"), script=page.asset("compare.js"))


def number_rows(versions: Sequence[Version]) -> list[list[str]]:
    """All numbers, for a table."""
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
