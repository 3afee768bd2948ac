"""Examining a VAE: samples, reconstructions, interpolations between pictures, and panels of them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lic.codec.errors import LicError
from lic.models.constants import DOWNSAMPLING, PEAK
from lic.models.theory.gaussian import kl, standard_normal
from lic.models.theory.vae import Vae
from lic.tools.files import png
from lic.tools.training.pictures import load_picture, whole_blocks

GAP = 4  # white pixels between the pictures of a panel


class BadPicture(LicError):
    """A picture has a size that the VAE cannot use."""


def read(path: Path) -> Tensor:
    """A picture, cropped to multiples of 16, as 1 x 3 x H x W in 0..1."""
    picture = whole_blocks(load_picture(path))
    if not picture.numel():
        raise BadPicture(f"{path} is smaller than {DOWNSAMPLING} x {DOWNSAMPLING}: give a larger picture")
    return picture[None].float() / PEAK


def panel(rows: list[list[Tensor]]) -> bytes:
    """A PNG of pictures of one size (3 x H x W in 0..1, clipped) in rows, on white."""
    _, height, width = rows[0][0].shape
    columns = max(len(row) for row in rows)
    canvas = torch.ones(3, len(rows) * (height + GAP) - GAP, columns * (width + GAP) - GAP)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = i * (height + GAP), j * (width + GAP)
            canvas[:, top : top + height, left : left + width] = picture
    levels = canvas.clamp(0, 1).mul(PEAK).round().byte().permute(1, 2, 0)
    return png(np.ascontiguousarray(levels.numpy()))


def sample_rows(vae: Vae, count: int, size: tuple[int, int], seed: int) -> list[list[Tensor]]:
    """Samples of the model, in rows of about equal number."""
    pictures = list(vae.sample(count, *size, torch.Generator().manual_seed(seed)))
    columns = int(np.ceil(count**0.5))
    return [pictures[i : i + columns] for i in range(0, count, columns)]


class Reconstruction(NamedTuple):
    """A picture and its reconstructions by the VAE (all 3 x H x W)."""

    original: Tensor
    best: Tensor
    sample: Tensor
    deviation: Tensor


def reconstruct(vae: Vae, x: Tensor, samples: int, generator: torch.Generator) -> Reconstruction:
    q = vae.encode(x)
    sample = vae.decode(q.sample(torch.randn(q.mean.shape, generator=generator)))
    return Reconstruction(x[0], vae.reconstruct(x)[0], sample[0], vae.uncertainty(x, samples, generator)[0])


def between(vae: Vae, first: Tensor, second: Tensor, steps: int) -> list[Tensor]:
    """Decoded points on the line between the posterior means of two pictures, cropped to a common size."""
    height, width = (min(a, b) for a, b in zip(first.shape[2:], second.shape[2:], strict=True))
    ends = [vae.encode(x[:, :, :height, :width]).mean for x in (first, second)]
    return [vae.decode(torch.lerp(ends[0], ends[1], float(t)))[0] for t in torch.linspace(0, 1, steps)]


def traversals(vae: Vae, x: Tensor, channels: int, span: float, columns: int = 7) -> list[list[Tensor]]:
    """A row for each of the most informative channels: decoded with that channel shifted everywhere."""
    q = vae.encode(x)
    information = kl(q, standard_normal(q.mean)).sum((0, 2, 3))
    rows = []
    for channel in information.argsort(descending=True)[:channels].tolist():
        row = []
        for shift in torch.linspace(-span, span, columns):
            z = q.mean.clone()
            z[:, channel] += shift
            row.append(vae.decode(z)[0])
        rows.append(row)
    return rows
