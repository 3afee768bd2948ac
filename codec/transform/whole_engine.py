"""What engines in numpy and torch have in common: they compute whole pictures, from whole arrays."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.chunks import chunks_of
from lic.codec.file.geometry import Region, latent_size
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import ONE_LOOK, Latents, Look, OperatingPoint, Symbols
from lic.codec.picture.filtering import filtered
from lic.codec.picture.pixels import Floats, Pixels, pad
from lic.codec.transform.dependent import PhaseByPhase, levels_of
from lic.codec.transform.restoration import quantise, restore
from lic.models.architecture import PREVIEW
from lic.models.constants import DOWNSAMPLING, MID_GREY, PEAK
from lic.models.second_look import blend

Back = Callable[[Floats], Floats]  # slopes by a function's argument, from those by its result


class WholeEngine(ABC):
    """An `Engine` by four functions of arrays. Pictures are centred: -0.5 to 0.5, height x width x 3, padded."""

    def __init__(self, model: FrozenModel) -> None:
        self.model = model

    @abstractmethod
    def analysis(self, picture: Floats) -> Latents:
        """The latents of a picture."""

    @abstractmethod
    def synthesis(self, latents: Latents) -> Floats:
        """The picture of latents, not clipped."""

    @abstractmethod
    def quick_look(self, difference: Floats) -> Latents:
        """What a quick look at the difference between a picture and its reconstruction adds to the latents."""

    @abstractmethod
    def preview(self, latents: Latents) -> Floats:
        """The picture of 1 / PREVIEW of the size, not clipped."""

    @abstractmethod
    def expect(self, phase: int, known: Latents) -> Floats:
        """The latents of a phase from 1 on, before trust, as predicted from the known ones; unknown ones are zero."""

    @abstractmethod
    def linear_synthesis(self, latents: Latents) -> tuple[Floats, Back]:
        """What `synthesis` returns, and its transposed derivative there."""

    def analyse(self, pixels: Pixels, look: Look = ONE_LOOK) -> Latents:
        picture = _centred(pad(pixels))
        first = self.analysis(picture)
        if look.share == 0:
            return first
        decoded = self.synthesis(first * self.model.unscale[:, None, None]).clip(-MID_GREY, MID_GREY)
        if look.quick:
            return first + np.float32(look.share) * self.quick_look(picture - decoded)
        return blend(first, self.analysis(picture + (picture - decoded)), np.float32(look.share))

    def encode(self, pixels: Pixels, point: OperatingPoint, look: Look | None = None) -> Iterator[Symbols]:
        return self.choose(self.analyse(pixels, point.look(0) if look is None else look), point)

    def choose(self, latents: Latents, point: OperatingPoint) -> Iterator[Symbols]:
        rounded = chunks_of(quantise(latents, point, self.expect))
        if not point.is_dependent:
            return iter(rounded)

        def rounded_by(latents: Iterator[Latents]) -> Iterator[Symbols]:
            return (symbols for _, symbols in zip(latents, rounded, strict=True))

        choose = PhaseByPhase(point, lambda levels: self.restore(levels, point))
        return levels_of(iter(chunks_of(latents)), rounded_by, choose)

    def decode(
        self,
        chunks: Iterable[Symbols],
        first_row: int,
        point: OperatingPoint,
        size: tuple[int, int],
        region: Region,
        reduce: int = 1,
        preview: bool = False,
    ) -> Iterator[Pixels]:
        given = np.concatenate([*chunks], axis=1)
        symbols = np.zeros((self.model.channels, *latent_size(*size)), np.int32)  # as if the rest were zeros
        symbols[:, first_row : first_row + given.shape[1]] = given
        latents = restore(symbols, point, self.expect)
        if preview:
            shown = levels(means(self.preview(latents), reduce // PREVIEW))
        else:
            picture = self.synthesis(latents)
            shown = _shown(picture, point) if reduce == 1 else levels(means(picture, reduce))
        left, top, right, bottom = region
        yield shown[top // reduce : -(-bottom // reduce), left // reduce : -(-right // reduce)]

    def filter(self, pixels: Pixels, point: OperatingPoint) -> Pixels:
        return pixels if point.filter is None else filtered(pixels, point.filter)

    def slopes(
        self, symbols: Symbols, pixels: Pixels, point: OperatingPoint, rows: slice
    ) -> tuple[Floats, NDArray[np.int32]]:
        height, width = pixels.shape[:2]
        picture, back = self.linear_synthesis(restore(symbols, point, self.expect))
        inside = (np.abs(picture) < MID_GREY)[:height, :width]  # where it is clipped there is no slope
        shown = _shown(picture, point)[:height, :width]
        exact = picture[:height, :width] if point.filter is None else _centred(shown)
        slopes, errors = np.zeros_like(picture), np.zeros(picture.shape, np.int32)
        slopes[:height, :width] = np.where(inside, exact - _centred(pixels), 0)
        errors[:height, :width] = np.square(shown.astype(np.int32) - pixels)
        blocks = errors.reshape(symbols.shape[1], DOWNSAMPLING, symbols.shape[2], -1)
        return back(slopes)[:, rows], blocks.sum(axis=(1, 3), dtype=np.int32)

    def restore(self, symbols: Symbols, point: OperatingPoint) -> Latents:
        return restore(symbols, point, self.expect)


def _centred(pixels: Pixels) -> Floats:
    return pixels.astype(np.float32) / np.float32(PEAK) - np.float32(MID_GREY)


def _shown(picture: Floats, point: OperatingPoint) -> Pixels:
    """The pixels of a padded picture."""
    rounded = levels(picture)
    return rounded if point.filter is None else filtered(rounded, point.filter)


def levels(picture: Floats) -> Pixels:
    """The grey levels of a centred picture, rounded to the nearest, ties to even."""
    scaled = (picture + np.float32(MID_GREY)) * np.float32(PEAK)
    return np.rint(np.clip(scaled, 0, PEAK)).astype(np.uint8)


def means(picture: Floats, reduce: int) -> Floats:
    """The means of squares of pixels, summed row by row."""
    sums = np.zeros_like(picture[::reduce, ::reduce])
    for i in range(reduce):
        for j in range(reduce):
            sums += picture[i::reduce, j::reduce]
    return sums / np.float32(reduce**2)
