"""`lic compare`: one photo, coded by several codecs into the same number of bytes, side by side."""

import argparse
from pathlib import Path

from lic.codec.encode.settings import DEFAULT_EFFORT
from lic.tools.evaluation import codecs
from lic.tools.evaluation.versions import DEFAULT_JPEG_QUALITY, WHICH_METRICS, byte_limit, make_versions
from lic.tools.files import png, write_whole
from lic.tools.pages.sheet import draw_sheet
from lic.tools.pages.slider import slider_page
from lic.tools.usage import UsageError, add_force, check_output, split_names

DEFAULT_CODECS = ("lic", "jpeg", "jpeg2000", "webp", "avif")
EXAMPLES = f"""\
examples:
  lic compare photo.png -o sheet.png                 as many bytes as JPEG at quality {DEFAULT_JPEG_QUALITY}
  lic compare photo.png --bpp 0.2 --html page.html   a page with a slider; works offline
  lic compare photo.png --html page.html --live      the same, with the real .lic in it, decoded by its reader's browser
  lic compare photo.png --bytes 20000 --codecs lic jpeg jxl heic -o sheet.png

Each codec makes its largest file of at most that many bytes; one that cannot make so small a file makes its
smallest, and the caption says so.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic compare PHOTO [--bytes N | --bpp B | --like-jpeg Q] [-o SHEET.png] [--html PAGE.html]"
    parser.epilog = EXAMPLES
    parser.add_argument("photo", metavar="PHOTO")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--bytes", type=int, metavar="N", help="largest size of the files")
    size.add_argument("--bpp", type=float, metavar="B", help="the same in bits per pixel")
    like = f"as large as JPEG 4:2:0 at this quality (default: {DEFAULT_JPEG_QUALITY})"
    size.add_argument("--like-jpeg", type=int, metavar="Q", help=like)
    parser.add_argument("-o", "--output", metavar="SHEET", help="the comparison as one PNG picture")
    parser.add_argument("--html", metavar="PAGE", help="the comparison as a page with a slider")
    live = "put lic's file itself into the page, which decodes it in the browser (some 8 MB more)"
    parser.add_argument("--live", action="store_true", help=live)
    known, default = ", ".join(codecs.NAMES), " ".join(DEFAULT_CODECS)
    parser.add_argument("--codecs", nargs="+", metavar="CODEC", help=f"some of {known} (default: {default})")
    parser.add_argument("-m", "--model", help="name or path of lic's model")
    add_force(parser)
    parser.add_argument("-e", "--effort", type=int, default=DEFAULT_EFFORT, metavar="N", help="see `lic encode`")


def run(args: argparse.Namespace) -> int:
    if not args.output and not args.html:
        raise UsageError("say where to put it: -o SHEET.png, --html PAGE.html, or both")
    if args.live and not args.html:
        raise UsageError("--live is about the page: give --html PAGE.html, too")
    if args.output:
        check_output(args.output, ".png", force=args.force)
    if args.html:
        check_output(args.html, force=args.force)
    chosen = [codecs.get_codec(name, args.model, args.effort) for name in split_names(args.codecs or DEFAULT_CODECS)]
    pixels = codecs.read_photo(args.photo)
    limit = byte_limit(pixels, args.bytes, args.bpp, args.like_jpeg)
    versions = make_versions(pixels, chosen, limit)
    name = Path(args.photo).name
    if args.output:
        write_whole(args.output, png(draw_sheet(name, pixels, versions)), replace=args.force)
    if args.html:
        page = slider_page(name, pixels, versions, limit, args.live).encode(errors="backslashreplace")
        write_whole(args.html, page, replace=args.force)
    for version in versions:
        print(version.caption())
    print(WHICH_METRICS)
    return 0
