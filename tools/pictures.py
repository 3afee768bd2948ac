"""Training pictures: decoded once into uint8 tensors that stay in memory; crops are cut from them."""

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm


class NoPictures(Exception):
    """There is nothing to train or to measure on."""


def find_pictures(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Files as given, and all files of known picture types below folders, in sorted order."""
    known = Image.registered_extensions()
    for path in map(Path, paths):
        if path.is_dir():
            yield from (p for p in sorted(path.rglob("*")) if p.suffix.lower() in known and p.is_file())
        else:
            yield path


def load_picture(path: Path) -> Tensor:
    """A picture as uint8, 3 x H x W."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on metadata are not about the pixels
        with Image.open(path) as image:
            rgb = np.array(image.convert("RGB"))
    return torch.from_numpy(rgb).permute(2, 0, 1).contiguous()


def halve(picture: Tensor) -> Tensor:
    """The picture at half the size: the mean of each 2 x 2 block."""
    height, width = (side // 2 * 2 for side in picture.shape[1:])
    mean = torch.nn.functional.avg_pool2d(picture[None, :, :height, :width].float(), 2)[0]
    return mean.round().to(torch.uint8)


class PictureStore:
    """Pictures in memory, and at half size where a crop still fits; crops are drawn evenly over their area.

    >>> store = PictureStore([torch.zeros(3, 40, 50, dtype=torch.uint8)], crop=16)
    >>> store.draw(4, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 16, 16])
    """

    def __init__(self, pictures: Iterable[Tensor], crop: int, device: torch.device | str = "cpu") -> None:
        self.crop = crop
        self.device = torch.device(device)
        self.pictures: list[Tensor] = []
        for picture in pictures:
            while min(picture.shape[1:]) >= crop:
                self.pictures.append(picture.to(self.device))
                picture = halve(picture)
        if not self.pictures:
            raise NoPictures(f"no picture is at least {crop} x {crop}: give larger ones, or a smaller --crop")
        areas = torch.tensor([p.shape[1] * p.shape[2] for p in self.pictures], dtype=torch.float64)
        self._share = areas.cumsum(0) / areas.sum()

    def draw(self, count: int, generator: torch.Generator, keep: slice = slice(None)) -> Tensor:
        """Random crops, half of them mirrored, as floats in 0..1; of `count` drawn ones only `keep` are cut."""
        dice = torch.rand(count, 4, generator=generator, dtype=torch.float64)
        crops = []
        for which, top, left, mirror in dice[keep].tolist():
            picture = self.pictures[int(torch.searchsorted(self._share, which))]
            y = int(top * (picture.shape[1] - self.crop + 1))
            x = int(left * (picture.shape[2] - self.crop + 1))
            crop = picture[:, y : y + self.crop, x : x + self.crop]
            crops.append(crop.flip(2) if mirror < 0.5 else crop)
        return torch.stack(crops).float() / 255


def load_store(paths: Iterable[str | Path], crop: int, device: torch.device | str = "cpu") -> PictureStore:
    """Read all pictures below `paths`; unreadable ones are named and skipped, small ones counted."""
    small = 0

    def readable() -> Iterator[Tensor]:
        nonlocal small
        for path in tqdm(list(find_pictures(paths)), desc="reading pictures", unit="", disable=None):
            try:
                picture = load_picture(path)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                tqdm.write(f"skipped {path}: {error}")
                continue
            small += min(picture.shape[1:]) < crop
            yield picture

    store = PictureStore(readable(), crop, device)
    if small:
        print(f"skipped {small} pictures smaller than the crop of {crop}")
    return store
