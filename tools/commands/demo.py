"""`lic demo`: encode sample pictures into real files, decode them again, and compare with JPEG of the same size."""

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

from lic.tools.files import write_whole

if TYPE_CHECKING:
    from PIL import Image

    from lic.tools.evaluation.metrics import Pixels

SAMPLES = ("astronaut", "chelsea", "coffee")  # pictures that come with scikit-image
QUALITIES = (10.0, 30.0, 50.0, 70.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", default="lic-demo", metavar="FOLDER", help="where files go (./lic-demo)")
    parser.add_argument("-m", "--model", help="name of a model or path of a .safetensors file")


def run(args: argparse.Namespace) -> int:
    import numpy as np
    import skimage.data
    from PIL import Image

    from lic.codec.decoder import decode
    from lic.codec.encoder import encode

    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{'picture':<10} {'codec':<5} {'quality':>7} {'bytes':>7} {'bit/px':>7} {'PSNR':>6} {'MS-SSIM':>8}")
    for name in SAMPLES:
        pixels = np.ascontiguousarray(getattr(skimage.data, name)())
        image = Image.fromarray(pixels)
        write_whole(folder / f"{name}.png", picture_file(image, "PNG"))
        for quality in QUALITIES:
            stem = f"{name}-q{quality:g}"
            data = encode(image, quality=quality, model=args.model)
            write_whole(folder / f"{stem}.lic", data)
            decoded = decode(folder / f"{stem}.lic")
            write_whole(folder / f"{stem}.png", picture_file(decoded, "PNG"))
            print(table_line(name, "lic", quality, data, pixels, decoded))
            jpeg_quality, jpeg = jpeg_of_size(image, len(data))
            write_whole(folder / f"{stem}.jpg", jpeg)
            print(table_line("", "JPEG", jpeg_quality, jpeg, pixels, Image.open(io.BytesIO(jpeg))))
    print(f"\nThe files are in {folder}: for each NAME and quality Q, NAME-qQ.lic and what it decodes to, NAME-qQ.png,")
    print("and the JPEG nearest in size, NAME-qQ.jpg (4:2:0, optimised); NAME.png is the original.")
    return 0


def picture_file(image: "Image.Image", kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def jpeg_of_size(image: "Image.Image", size: int) -> tuple[int, bytes]:
    """Pillow's JPEG whose file is nearest in size, and its quality."""
    from lic.tools.evaluation.codecs import largest_within

    def jpeg(quality: float) -> bytes:
        return picture_file(image, "JPEG", quality=int(quality), optimize=True)

    quality, below = largest_within(jpeg, range(1, 101), size)
    above = jpeg(min(quality + 1, 100))
    if abs(len(above) - size) < abs(len(below) - size):
        return min(int(quality) + 1, 100), above
    return int(quality), below


def table_line(picture: str, codec: str, quality: float, data: bytes, pixels: "Pixels", decoded: "Image.Image") -> str:
    """Size and quality of one file."""
    import numpy as np

    from lic.tools.evaluation.metrics import ms_ssim, psnr

    again = np.array(decoded)
    bpp = 8 * len(data) / (pixels.shape[0] * pixels.shape[1])
    return (
        f"{picture:<10} {codec:<5} {quality:>7g} {len(data):>7,} {bpp:>7.3f} "
        f"{psnr(pixels, again):>6.2f} {ms_ssim(pixels, again):>8.4f}"
    )
