"""Files of a target size, or pictures of a target quality: a search over rate positions.

The picture is analysed once; each try quantises and codes its latents, and for a quality decodes them.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image

from lic.codec.decoder import operating_point, read_chunks
from lic.codec.encode.pipeline import encode_picture
from lic.codec.errors import BadSetting
from lic.codec.file.container import parse
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Latents, Look
from lic.codec.picture.fidelity import MIN_SIDE_MS_SSIM, ms_ssim, psnr, to_db
from lic.codec.picture.pixels import Pixels
from lic.codec.picture.reading import Picture
from lic.codec.progress import tell
from lic.codec.transform.engine import decode_all, engine_of
from lic.models.second_look import blend

MOST_DB = 200.0  # replaces an infinite PSNR in the search


class Tries:
    """One analysed picture, and its files at any rate positions."""

    def __init__(self, picture: Picture, model: FrozenModel, effort: int) -> None:
        self.picture, self.model, self.effort = picture, model, effort
        self.first = engine_of(model).analyse(picture.pixels)
        self.file, self.second = cache(self._file), cache(self._second)
        self.count = 0

    def _file(self, position: int) -> bytes:
        self.count += 1
        tell(f"target, try {self.count}: quality {self.model.quality(position):g}", 0)
        return encode_picture(self.picture, self.model, position, self.effort, self.latents(position))

    def latents(self, position: int) -> Latents:
        share, quick = self.model.at(position).look(self.effort)
        return blend(self.first, self.second(quick), np.float32(share)) if share else self.first

    def _second(self, quick: bool) -> Latents:
        return engine_of(self.model).analyse(self.picture.pixels, Look(1, quick))

    def decoded(self, position: int) -> Pixels:
        """The decoded picture of the file at a position: H x W x 3, or H x W for grey."""
        file = parse(self.file(position))
        if file.lossless:
            return self.original
        height, width = self.picture.pixels.shape[:2]
        chunks = read_chunks(file, self.model)
        pixels = decode_all(chunks, self.model, operating_point(file, self.model), (width, height))
        return pixels if self.picture.mode == "RGB" else np.asarray(Image.fromarray(pixels).convert("L"))

    @property
    def original(self) -> Pixels:
        return self.picture.pixels if self.picture.mode == "RGB" else self.picture.pixels[:, :, 0]


def encode_to_size(picture: Picture, model: FrozenModel, target: int, effort: int) -> bytes:
    """The largest file of at most `target` bytes, counting the complete file."""
    tries = Tries(picture, model, effort)
    smallest = len(tries.file(0))
    if smallest > target:
        raise BadSetting(
            f"{target:,} bytes are too few for this picture: its smallest file, of quality 1, has {smallest:,}"
        )
    if len(tries.file(model.last_position)) <= target:
        return tries.file(model.last_position)
    position = last_below(lambda p: math.log(len(tries.file(p))), math.log(target + 0.5), model.last_position)
    return tries.file(position)


def encode_to_psnr(picture: Picture, model: FrozenModel, target: float, effort: int) -> bytes:
    """The smallest file whose picture's PSNR reaches `target` dB."""
    return _encode_to_quality(picture, model, psnr, target, f"a PSNR of {target:g} dB", effort)


def encode_to_ms_ssim(picture: Picture, model: FrozenModel, target: float, effort: int) -> bytes:
    """The smallest file whose picture's MS-SSIM reaches `target`: a similarity below 1, or else decibels."""
    if min(picture.pixels.shape[:2]) < MIN_SIDE_MS_SSIM:
        raise BadSetting(f"MS-SSIM is undefined for sides under {MIN_SIDE_MS_SSIM}: aim at a PSNR instead")

    def measure(original: Pixels, decoded: Pixels) -> float:
        return to_db(ms_ssim(original, decoded))

    wanted = to_db(target) if target < 1 else target
    return _encode_to_quality(picture, model, measure, wanted, f"an MS-SSIM of {wanted:.2f} dB", effort)


def _encode_to_quality(
    picture: Picture,
    model: FrozenModel,
    measure: Callable[[Pixels, Pixels], float],
    target: float,
    goal: str,
    effort: int,
) -> bytes:
    tries = Tries(picture, model, effort)
    value = cache(lambda position: min(measure(tries.original, tries.decoded(position)), MOST_DB))
    best = value(model.last_position)
    if best < target:
        raise BadSetting(f"{goal} is out of reach for this picture: quality 100 reaches {best:.2f} dB")
    if value(0) >= target:
        return tries.file(0)
    return tries.file(last_below(value, target, model.last_position) + 1)


def last_below(value: Callable[[int], float], target: float, last: int) -> int:
    """The last position at which a rising function is below the target, given that it is below at 0 and not at `last`.

    Interpolation needs few evaluations if the function is nearly linear; otherwise bisection helps.

    >>> last_below(lambda p: p**3, 1000, 1792)
    9
    """
    low, high = 0, last
    below, above = value(low), value(high)
    slow = 0  # tries since the last that halved the interval
    while high - low > 1:
        # The secant through both ends, until it has failed three times to halve the interval.
        share = 0.5 if slow > 2 else (target - below) / (above - below)
        guess = min(max(low + round(share * (high - low)), low + 1), high - 1)
        width = high - low
        found = value(guess)
        if found < target:
            low, below = guess, found
        else:
            high, above = guess, found
        slow = slow + 1 if high - low > width / 2 else 0
    return low
