"""Training pictures that do not fit into memory: a window of them, which moves on by one picture at each step.

The files are shuffled, and the window moves over them again and again. Threads decode the next pictures in advance.
Which pictures a step sees follows from its number alone, so a resumed run sees the same.
"""

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from lic.models.constants import PEAK
from lic.tools.training.pictures import (
    UNREADABLE,
    NoPictures,
    PictureStore,
    find_files,
    load_picture,
    pyramid,
    read_pictures,
    say_skipped,
)

BYTES_PER_PIXEL = 3 * 4 / 3  # of three colours, with all the smaller sizes
THREADS = min(8, os.cpu_count() or 1)


def open_pictures(
    paths: Sequence[str], crop: int, device: torch.device, gigabytes: float, seed: int, *, quiet: bool = False
) -> "PictureStore | PictureWindow":
    """The pictures below `paths`, all of them in memory if they need no more than so many gigabytes."""
    files = find_files(paths)
    sizes = [_size(file) for file in files]
    if sum(map(_bytes, sizes)) <= gigabytes * 1e9:
        return PictureStore(read_pictures(files, paths, crop, quiet=quiet), crop, device)
    large = [i for i, size in enumerate(sizes) if min(size) >= crop]
    if len(large) < len(files) and not quiet:
        print(f"skipped {len(files) - len(large)} of {len(files)} pictures: unreadable, or smaller than {crop}")
    if not large:
        raise NoPictures(f"all pictures in {', '.join(paths)} are too small: give larger ones, or a smaller `crop`")
    chosen = [files[i] for i in large], [sizes[i] for i in large]
    return PictureWindow(*chosen, crop, device, gigabytes, seed, quiet)


def _size(file: Path | Tensor) -> tuple[int, int]:
    """Height and width, of a file by its header; 0 if it cannot be read."""
    if isinstance(file, Tensor):
        return file.shape[1], file.shape[2]
    try:
        with warnings.catch_warnings(), Image.open(file) as image:
            warnings.simplefilter("ignore")
            return image.height, image.width
    except UNREADABLE:
        return 0, 0


def _bytes(size: tuple[int, int]) -> float:
    return size[0] * size[1] * BYTES_PER_PIXEL


class PictureWindow:
    """As a `PictureStore`, for files (or pictures) of known sizes, of which some gigabytes are held at a time."""

    def __init__(
        self,
        files: Sequence[Path | Tensor],
        sizes: Sequence[tuple[int, int]],
        crop: int,
        device: torch.device | str,
        gigabytes: float,
        seed: int = 0,
        quiet: bool = False,
    ) -> None:
        order = torch.randperm(len(files), generator=torch.Generator().manual_seed(seed)).tolist()
        self.files = [files[i] for i in order]
        self.crop, self.device, self.quiet = crop, torch.device(device), quiet
        self.count, self.pixels = len(files), sum(height * width for height, width in sizes)
        self.width = _longest([_bytes(sizes[i]) for i in order], gigabytes * 1e9)
        self._threads = ThreadPoolExecutor(THREADS, "pictures")
        self._decoded: dict[int, Future[list[Tensor]]] = {}

    def draw(self, count: int, generator: torch.Generator, keep: slice = slice(None), step: int = 0) -> Tensor:
        """Random crops of the pictures in the window of that step, evenly over their area, as of a `PictureStore`."""
        pictures = self._window(step)
        areas = torch.tensor([picture[0].numel() for picture in pictures], dtype=torch.float64)
        share = areas.cumsum(0) / areas.sum()
        crops = []
        for which, top, left, *turns in torch.rand(6, count, generator=generator, dtype=torch.float64)[:, keep].T:
            picture = pictures[min(int(torch.searchsorted(share, which)), len(pictures) - 1)]
            y, x = (int(d * (side - self.crop + 1)) for d, side in zip((top, left), picture.shape[1:], strict=True))
            square = picture[:, y : y + self.crop, x : x + self.crop]
            flipped = square.flip([dim for dim, d in zip((1, 2), turns, strict=False) if d < 0.5])
            crops.append(flipped.mT if turns[2] < 0.5 else flipped)
        batch = torch.stack(crops).to(self.device).float() / PEAK
        return batch.contiguous(memory_format=torch.channels_last)

    def _window(self, step: int) -> list[Tensor]:
        """The pictures of a step, at all sizes; those of the next steps are on their way."""
        wanted = range(step, step + self.width)
        for place in range(step, step + self.width + 2 * THREADS):
            if place not in self._decoded:
                self._decoded[place] = self._threads.submit(self._decode, self.files[place % self.count])
        for place in [place for place in self._decoded if place < step]:
            del self._decoded[place]
        return [picture for place in wanted for picture in self._decoded[place].result()]

    def _decode(self, file: Path | Tensor) -> list[Tensor]:
        try:
            return pyramid(file if isinstance(file, Tensor) else load_picture(file), self.crop)
        except UNREADABLE as error:
            if not self.quiet:
                say_skipped(file, error)
            return []


def _longest(sizes: Sequence[float], limit: float) -> int:
    """The largest number of neighbours in a circle that nowhere exceed a limit together, but 1 at least.

    >>> _longest([3, 1, 1, 3], 6), _longest([3, 1, 1, 3], 1), _longest([3, 1], 100)
    (2, 1, 2)
    """
    total = [0.0, *accumulate([*sizes, *sizes])]
    n = len(sizes)
    low, high = 1, n
    while low < high:
        middle = (low + high + 1) // 2
        if max(total[i + middle] - total[i] for i in range(n)) <= limit:
            low = middle
        else:
            high = middle - 1
    return low
