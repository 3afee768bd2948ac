"""Training pictures: decoded once into uint8 tensors that stay in memory; crops are cut from them.

More pictures than fit into memory are read by `picture_window.py`.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lic.codec.errors import LicError
from lic.codec.picture.formats import open_picture
from lic.models.constants import DOWNSAMPLING, PEAK
from lic.tools.files import find_pictures
from lic.tools.own_parts import find_part, is_own
from lic.tools.progress_bar import progress
from lic.tools.usage import printable

UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # what Pillow raises


class NoPictures(LicError):
    """There are no pictures to train or to measure on."""


def load_picture(path: Path) -> Tensor:
    """A picture as uint8, 3 x H x W."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about metadata, which is not used here
        with open_picture(path) as image:
            if image.mode.startswith(("I", "F")):  # Pillow would clip them to 8 bits
                raise ValueError(f"mode {image.mode} has more than 8 bits: convert it first")
            rgb = np.array(image.convert("RGB"))
    return torch.from_numpy(rgb).permute(2, 0, 1).contiguous()


def as_picture(array: np.ndarray) -> Tensor:
    """A picture of a source of one's own, H x W x 3 and uint8, as uint8, 3 x H x W."""
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise NoPictures(f"a source gave an array of {array.dtype} and the shape {array.shape}: give uint8, H x W x 3")
    return torch.from_numpy(array).permute(2, 0, 1).contiguous()


def whole_blocks(picture: Tensor) -> Tensor:
    """The picture without the rows and columns beyond the last multiple of 16."""
    height, width = (side // DOWNSAMPLING * DOWNSAMPLING for side in picture.shape[1:])
    return picture[:, :height, :width]


def halve(picture: Tensor) -> Tensor:
    """The picture at half the size: the mean of each 2 x 2 block."""
    height, width = (side // 2 * 2 for side in picture.shape[1:])
    mean = torch.nn.functional.avg_pool2d(picture[None, :, :height, :width].float(), 2)[0]
    return mean.round().to(torch.uint8)


def pyramid(picture: Tensor, smallest: int) -> list[Tensor]:
    """A picture, and it at half the size again and again, as long as no side is smaller than `smallest`."""
    found = []
    while min(picture.shape[1:]) >= smallest:
        found.append(picture)
        picture = halve(picture)
    return found


def find_files(paths: Iterable[str | Path]) -> list[Path | Tensor]:
    """The picture files below `paths`; of a source of one's own, its pictures themselves."""
    files: list[Path | Tensor] = []
    for path in paths:
        if is_own(str(path), "sources"):
            files += map(as_picture, find_part(str(path), "sources")())
        else:
            files += find_pictures([path])
    return files


def load_pictures(paths: Iterable[str | Path], smallest: int, *, quiet: bool = False) -> Iterator[Tensor]:
    """Read all pictures below `paths`, or of own sources, with sides of at least `smallest`; say which were skipped."""
    return read_pictures(find_files(paths), paths, smallest, quiet=quiet)


def read_pictures(
    files: Sequence[Path | Tensor], paths: Iterable[str | Path], smallest: int, *, quiet: bool = False
) -> Iterator[Tensor]:
    """The same, of files that have been found."""
    small = found = 0
    for file in files if quiet else progress(files, "reading a picture"):
        try:
            picture = file if isinstance(file, Tensor) else load_picture(file)
        except UNREADABLE as error:
            if not quiet:
                say_skipped(file, error)
            continue
        if min(picture.shape[1:]) < smallest:
            small += 1
            continue
        found += 1
        yield picture
    if small and not quiet:
        print(f"skipped {small} of {len(files)} pictures: smaller than {smallest} x {smallest}")
    if not found:
        where = ", ".join(map(str, paths))
        if small:
            raise NoPictures(f"all pictures in {where} are too small: give larger ones, or a smaller `crop`")
        raise NoPictures(f"there is no picture in {where} that Pillow can read: give other files or folders")


def say_skipped(path: Path | Tensor, error: Exception) -> None:
    print(printable(f"skipped {path}: {' '.join(str(error).split())}"))


class PictureStore:
    """Pictures, each also at half size as long as a crop fits, in one flat tensor on the device; crops are drawn
    evenly over their area.

    >>> store = PictureStore([torch.zeros(3, 40, 50, dtype=torch.uint8)], crop=16)
    >>> store.draw(4, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 16, 16])
    """

    def __init__(self, pictures: Iterable[Tensor], crop: int, device: torch.device | str = "cpu") -> None:
        self.crop = crop
        self.device = torch.device(device)
        self.count, self.pixels = 0, 0  # of the pictures as they were given
        scaled: list[Tensor] = []
        for picture in pictures:
            self.count += 1
            self.pixels += picture.shape[1] * picture.shape[2]
            scaled += pyramid(picture, crop)
        self.sizes = torch.tensor([p.shape[1:] for p in scaled], device=self.device)  # height and width
        areas = self.sizes.prod(1)
        self._offsets = areas.cumsum(0) - areas
        self._share = areas.double().cumsum(0) / areas.sum()
        self._flat = torch.empty(int(areas.sum()), 3, dtype=torch.uint8, device=self.device)
        for part in self._flat.split(areas.tolist()):
            part.copy_(scaled.pop(0).permute(1, 2, 0).reshape(-1, 3))  # popped, so that memory holds each picture once

    def draw(self, count: int, generator: torch.Generator, keep: slice = slice(None), step: int = 0) -> Tensor:
        """Random crops, flipped in both directions and transposed by chance, in channels-last memory, as floats in
        0..1; of `count` only `keep` are cut. The generator is the CPU's, so that all devices draw the same crops, at
        any step."""
        which, *dice = torch.rand(6, count, generator=generator, dtype=torch.float64)[:, keep].to(self.device)
        picture = torch.searchsorted(self._share, which).clamp(max=len(self._share) - 1)
        height, width = self.sizes[picture].T
        top, left = ((d * (side - self.crop + 1)).long() for d, side in zip(dice, (height, width), strict=False))
        flip_rows, flip_columns, transpose = ((d < 0.5)[:, None] for d in dice[2:])
        along = torch.arange(self.crop, device=self.device)
        rows = torch.where(flip_rows, self.crop - 1 - along, along)[:, :, None]
        columns = torch.where(flip_columns, self.crop - 1 - along, along)[:, None, :]
        turned = transpose[:, :, None]
        rows, columns = torch.where(turned, columns, rows), torch.where(turned, rows, columns)
        start = self._offsets[picture] + top * width + left
        places = start[:, None, None] + rows * width[:, None, None] + columns
        return (self._flat[places].float() / PEAK).permute(0, 3, 1, 2)
