"""`lic demo`: encode sample pictures into real files, decode them again, and compare with JPEG of the same size."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", default="lic-demo", metavar="FOLDER", help="where files go (./lic-demo)")
    parser.add_argument("-m", "--model", help="name of a model or path of a .safetensors file")


def run(args: argparse.Namespace) -> int:
    from lic.tools.evaluation.codecs import LIC
    from lic.tools.evaluation.demonstration import demonstrate

    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{'picture':<10} {'codec':<5} {'quality':>7} {'bytes':>7} {'bit/px':>7} {'PSNR':>6} {'MS-SSIM':>8}")
    for row in demonstrate(folder, args.model):
        name = row.picture if row.codec == LIC else ""
        numbers = f"{row.quality:>7g} {row.bytes:>7,} {row.bpp:>7.3f} {row.psnr:>6.2f} {row.ms_ssim:>8.4f}"
        print(f"{name:<10} {row.codec:<5} {numbers}")
    print(f"\nThe files are in {folder}: for each NAME and quality Q, NAME-qQ.lic and what it decodes to, NAME-qQ.png,")
    print("and the JPEG nearest in size, NAME-qQ.jpg (4:2:0, optimised); NAME.png is the original.")
    return 0
