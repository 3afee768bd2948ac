"""Pictures that are not photographs: real files of lic beside PNG, and JPEG of the same size.

python tests/benchmarks/hostile_pictures.py [--side 256] [--model NAME] [--json FILE]
"""

import argparse
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image, ImageDraw

from lic import decode, encode
from lic.codec.model.catalogue import find_model
from lic.codec.picture.fidelity import psnr
from lic.codec.picture.pixels import Pixels
from lic.tools.evaluation.bd import as_markdown
from lic.tools.evaluation.codecs import get_codec
from lic.tools.evaluation.demonstration import of_size

QUALITIES = (50, 100)


def screenshot(side: int) -> Image.Image:
    """A window with a title, text and a button."""
    image = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, side, 16), fill=(40, 70, 130))
    draw.text((6, 2), "A window", fill="white")
    for y in range(24, side - 40, 13):
        draw.text((6, y), "The quick brown fox jumps over the lazy dog, 0123456789. " * (side // 256), fill="black")
    draw.rounded_rectangle((side - 80, side - 30, side - 10, side - 8), 5, fill=(220, 225, 230), outline=(90, 90, 90))
    draw.text((side - 62, side - 25), "Cancel", fill="black")
    return image


def drawing(side: int) -> Image.Image:
    """Lines and discs without anti-aliasing."""
    image = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(image)
    for i in range(0, side, 16):
        draw.line((0, i, side, side - i), fill=(i % 256, 0, 255 - i % 256))
        draw.ellipse((i, i, i + 40, i + 25), outline="black", fill=(255, i % 256, 60))
    return image


def pictures(side: int) -> Iterator[tuple[str, Pixels]]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]

    def checkerboard(cell: int) -> Pixels:
        return np.repeat(((x // cell + y // cell) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)

    yield "a photograph (*coffee*), for scale", np.ascontiguousarray(skimage.data.coffee()[:side, :side])
    yield "noise in colour", rng.integers(0, 256, (side, side, 3)).astype(np.uint8)
    yield "noise in grey", np.repeat(rng.integers(0, 256, (side, side, 1)).astype(np.uint8), 3, axis=2)
    yield "checkerboard of 1 x 1", checkerboard(1)
    yield "checkerboard of 16 x 16", checkerboard(16)
    yield "screenshot with text", np.asarray(screenshot(side))
    yield "drawing", np.asarray(drawing(side))
    yield "all red", np.full((side, side, 3), (255, 0, 0), np.uint8)


def measure(name: str, pixels: Pixels, model: str | None) -> dict[str, Any]:
    """Bytes and PSNR at each quality, by lic and by JPEG at the size nearest to it."""
    image = Image.fromarray(pixels)
    png = io.BytesIO()
    image.save(png, "PNG", optimize=True)
    row: dict[str, Any] = {"picture": name, "png": len(png.getvalue())}
    for quality in QUALITIES:
        data = encode(image, quality=quality, model=model, lossless=False)
        _, jpeg = of_size(get_codec("jpeg"), pixels, len(data))
        row[f"lic {quality}"] = [len(data), decibels(pixels, decode(data))]
        row[f"jpeg {quality}"] = [len(jpeg), decibels(pixels, Image.open(io.BytesIO(jpeg)))]
    return row


def decibels(pixels: Pixels, decoded: Image.Image) -> float | None:
    """None if no pixel differs."""
    value = psnr(pixels, np.asarray(decoded))
    return round(value, 3) if np.isfinite(value) else None


def table(rows: list[dict[str, Any]]) -> str:
    """In Markdown."""
    kinds = [(codec, quality) for quality in QUALITIES for codec in ("lic", "jpeg")]
    header = ["picture", "PNG, lossless", *(f"lic, quality {q}" if codec == "lic" else "JPEG" for codec, q in kinds)]
    body = [[row["picture"], f"{row['png']:,}", *(cell(*row[f"{c} {q}"]) for c, q in kinds)] for row in rows]
    return as_markdown([header, *body])


def cell(size: int, value: float | None) -> str:
    return f"{size:,}: {'exact' if value is None else f'{value:.1f} dB'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--model")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    args = parser.parse_args()
    rows = [measure(name, pixels, args.model) for name, pixels in pictures(args.side)]
    print(table(rows))
    if args.json:
        model = find_model(args.model).load()
        lines = ",\n  ".join(json.dumps(row) for row in rows)
        header = f'"model": "{model.name} {model.fingerprint.hex()}", "side": {args.side}'
        args.json.write_text(f'{{{header}, "rows": [\n  {lines}\n]}}\n')


if __name__ == "__main__":
    main()
