"""The sheet of `lic compare`: full pictures with captions, and crops where the versions differ most."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lic.tools.evaluation.codecs import Pixels
from lic.tools.evaluation.versions import WHICH_METRICS, Version

WIDTH = 1920
GAP = 16
COLUMNS = 3  # of full pictures
CROPS = 3
CROP_SIDE = 96  # pixels of the photo
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
INK, SOFT, MARK = "#1d2329", "#5b6670", "#ff3b1f"


class Place(NamedTuple):
    top: int
    left: int
    side: int


def most_different(original: Pixels, versions: Sequence[Pixels], side: int, count: int) -> list[Place]:
    """Squares where the versions' mean squared errors differ most, without overlap.

    >>> original = np.zeros((40, 60, 3), np.uint8)
    >>> changed = original.copy()
    >>> changed[10:20, 30:40] = 99
    >>> most_different(original, [original, changed], 10, 1)
    [Place(top=10, left=30, side=10)]
    """
    errors = [np.mean((original.astype(np.float64) - version) ** 2, axis=2) for version in versions]
    means = np.array([_window_means(error, side) for error in errors])
    spread = means.max(axis=0) - means.min(axis=0)
    places: list[Place] = []
    for _ in range(count):
        top, left = (int(i) for i in np.unravel_index(np.argmax(spread), spread.shape))
        if places and spread[top, left] < 0:
            break
        places.append(Place(top, left, side))
        # No later square may overlap this one.
        spread[max(0, top - side + 1) : top + side, max(0, left - side + 1) : left + side] = -1
    return places


def _window_means(values: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """The mean of every side x side window, by its upper left corner."""
    sums = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    # Sums of windows from cumulative sums: four corners instead of side^2 values.
    total = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    means: NDArray[np.float64] = total / side**2
    return means


def draw_sheet(name: str, original: Pixels, versions: Sequence[Version]) -> Pixels:
    """The whole sheet."""
    height, width = original.shape[:2]
    side = min(CROP_SIDE, height, width)
    places = most_different(original, [v.pixels for v in versions], side, CROPS)
    lines = [("Original", f"{name}, {width} x {height} pixels", "the numbered squares are enlarged below")]
    lines += [(v.label, v.size(), v.quality()) for v in versions]
    pictures = [original, *(v.pixels for v in versions)]

    cell = (WIDTH - GAP) // COLUMNS - GAP
    scale = min(cell / width, 900 / height)
    shown = max(1, round(width * scale)), max(1, round(height * scale))
    row_height = shown[1] + 84
    rows = -(-len(pictures) // COLUMNS)
    small = (WIDTH - GAP) // len(pictures) - GAP
    crops_top = GAP + rows * row_height + 40
    total = crops_top + len(places) * (small + GAP) + 44
    sheet = Image.new("RGB", (WIDTH, total), "white")
    draw = ImageDraw.Draw(sheet)
    large_font, font = ImageFont.load_default(20), ImageFont.load_default(16)

    for i, (pixels, (label, size, quality)) in enumerate(zip(pictures, lines, strict=True)):
        x = GAP + i % COLUMNS * (cell + GAP)
        y = GAP + i // COLUMNS * row_height
        resampling = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST
        sheet.paste(Image.fromarray(pixels).resize(shown, resampling), (x, y))
        if i == 0:
            _mark(draw, places, x, y, scale, large_font)
        draw.text((x, y + shown[1] + 4), label, INK, large_font)
        draw.text((x, y + shown[1] + 30), size, INK, font)
        draw.text((x, y + shown[1] + 51), quality, INK, font)

    for i, (pixels, (label, *_)) in enumerate(zip(pictures, lines, strict=True)):
        x = GAP + i * (small + GAP)
        draw.text((x, crops_top - 24), label, SOFT, font)
        for k, place in enumerate(places):
            crop = pixels[place.top : place.top + place.side, place.left : place.left + place.side]
            y = crops_top + k * (small + GAP)
            sheet.paste(Image.fromarray(crop).resize((small, small), Image.Resampling.NEAREST), (x, y))
            if i == 0:
                draw.text((x + 6, y + 2), str(k + 1), MARK, large_font, stroke_width=2, stroke_fill="white")
    draw.text((GAP, total - 36), WHICH_METRICS, SOFT, font)
    return np.array(sheet)


def _mark(draw: ImageDraw.ImageDraw, places: Sequence[Place], x: int, y: int, scale: float, font: Font) -> None:
    """Draw numbered squares on the full picture."""
    for k, place in enumerate(places):
        left, top = x + place.left * scale, y + place.top * scale
        draw.rectangle((left, top, left + place.side * scale, top + place.side * scale), outline=MARK, width=2)
        draw.text((left + 5, top + 1), str(k + 1), MARK, font, stroke_width=2, stroke_fill="white")
