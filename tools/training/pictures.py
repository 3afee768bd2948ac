"""Training pictures: decoded once into uint8 tensors that stay in memory; crops are cut from them."""

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from lic.codec.errors import LicError
from lic.models.constants import DOWNSAMPLING, PEAK
from lic.tools.files import find_pictures


class NoPictures(LicError):
    """There are no pictures to train or to measure on."""


def load_picture(path: Path) -> Tensor:
    """A picture as uint8, 3 x H x W."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about metadata, which is not used here
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):  # Pillow would clip them to 8 bits
                raise ValueError(f"mode {image.mode} has more than 8 bits: convert it first")
            rgb = np.array(image.convert("RGB"))
    return torch.from_numpy(rgb).permute(2, 0, 1).contiguous()


def whole_blocks(picture: Tensor) -> Tensor:
    """The picture without the rows and columns beyond the last multiple of 16."""
    height, width = (side // DOWNSAMPLING * DOWNSAMPLING for side in picture.shape[1:])
    return picture[:, :height, :width]


def halve(picture: Tensor) -> Tensor:
    """The picture at half the size: the mean of each 2 x 2 block."""
    height, width = (side // 2 * 2 for side in picture.shape[1:])
    mean = torch.nn.functional.avg_pool2d(picture[None, :, :height, :width].float(), 2)[0]
    return mean.round().to(torch.uint8)


def load_pictures(paths: Iterable[str | Path], smallest: int, *, quiet: bool = False) -> Iterator[Tensor]:
    """Read all pictures below `paths` with sides of at least `smallest`; say which were skipped."""
    small = found = 0
    files = list(find_pictures(paths))
    for path in tqdm(files, desc="reading pictures", unit="", leave=False, disable=True if quiet else None):
        try:
            picture = load_picture(path)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            if not quiet:
                tqdm.write(f"skipped {path}: {' '.join(str(error).split())}")
            continue
        if min(picture.shape[1:]) < smallest:
            small += 1
            continue
        found += 1
        yield picture
    if small and not quiet:
        tqdm.write(f"skipped {small} of {len(files)} pictures: smaller than {smallest} x {smallest}")
    if not found:
        where = ", ".join(map(str, paths))
        if small:
            raise NoPictures(f"all pictures in {where} are too small: give larger ones, or a smaller `crop`")
        raise NoPictures(f"there is no picture in {where} that Pillow can read: give other files or folders")


class PictureStore:
    """Pictures in memory, at full size and halved while a crop still fits; crops are drawn evenly over their area.

    >>> store = PictureStore([torch.zeros(3, 40, 50, dtype=torch.uint8)], crop=16)
    >>> store.draw(4, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 16, 16])
    """

    def __init__(self, pictures: Iterable[Tensor], crop: int, device: torch.device | str = "cpu") -> None:
        self.crop = crop
        self.device = torch.device(device)
        self.pictures: list[Tensor] = []
        self.count, self.pixels = 0, 0  # of the original pictures
        for picture in pictures:
            self.count += 1
            self.pixels += picture.shape[1] * picture.shape[2]
            while min(picture.shape[1:]) >= crop:
                self.pictures.append(picture.to(self.device))
                picture = halve(picture)
        areas = torch.tensor([p.shape[1] * p.shape[2] for p in self.pictures], dtype=torch.float64)
        self._share = areas.cumsum(0) / areas.sum()

    def draw(self, count: int, generator: torch.Generator, keep: slice = slice(None)) -> Tensor:
        """Random crops, half of them mirrored, as floats in 0..1; `keep` selects those to cut out of `count`."""
        dice = torch.rand(count, 4, generator=generator, dtype=torch.float64)
        crops = []
        for which, top, left, mirror in dice[keep].tolist():
            picture = self.pictures[int(torch.searchsorted(self._share, which))]
            y = int(top * (picture.shape[1] - self.crop + 1))
            x = int(left * (picture.shape[2] - self.crop + 1))
            crop = picture[:, y : y + self.crop, x : x + self.crop]
            crops.append(crop.flip(2) if mirror < 0.5 else crop)
        return torch.stack(crops).float() / PEAK
