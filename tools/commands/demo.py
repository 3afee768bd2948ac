"""`lic demo`: encode sample pictures into real files, decode them again, and compare with JPEG of the same size."""

import argparse
from pathlib import Path
from statistics import geometric_mean

from lic.tools.usage import add_force

SHEET_QUALITY = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", default="lic-demo", metavar="FOLDER", help="where files go (./lic-demo)")
    parser.add_argument("-m", "--model", help="name of a model or path of a .safetensors file")
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    from lic.tools.evaluation.demonstration import demonstrate
    from lic.tools.files import png, write_whole
    from lic.tools.pages.sheet import draw_sheet

    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{'picture':<10} {'codec':<5} {'quality':>7} {'bytes':>7} {'bit/px':>7} {'PSNR':>6} {'MS-SSIM':>8}")
    factors: list[float] = []
    sheets: list[Path] = []
    for name, original, ours, jpeg, factor in demonstrate(folder, args.model, args.force):
        factors.append(factor)
        if ours.setting == SHEET_QUALITY:
            sheets.append(folder / f"{name}-sheet.png")
            write_whole(sheets[-1], png(draw_sheet(name, original, [ours, jpeg])), replace=args.force)
        for picture, codec, v in ((name, "lic", ours), ("", "JPEG", jpeg)):
            numbers = f"{v.setting:>7g} {v.bytes:>7,} {v.bpp:>7.3f} {v.scores.psnr:>6.2f} {v.scores.ms_ssim:>8.4f}"
            print(f"{picture:<10} {codec:<5} {numbers}")
    print(f"\nThe files are in {folder}: for each NAME and quality Q, NAME-qQ.lic and what it decodes to, NAME-qQ.png,")
    print("and the JPEG nearest in size, NAME-qQ.jpg (4:2:0, optimised); NAME.png is the original.")
    print(f"\nSide by side, enlarged: {', '.join(map(str, sheets))}")
    factor = geometric_mean(factors)
    verdict = f"{factor:.1f} times smaller" if factor >= 1 else f"{1 / factor:.1f} times larger"
    print(f"At equal PSNR, a .lic file is {verdict} than a JPEG file (mean over {len(factors)} files).")
    return 0
