"""Measuring a network in training, at each lambda point, as files would be: with real rounding, to 8 bits."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.constants import PEAK
from lic.models.distortion import mse, psnr
from lic.models.second_look import blend
from lic.tools.training.distortions import get_distortion
from lic.tools.training.objective import Autocast
from lic.tools.training.pictures import whole_blocks


class Score(NamedTuple):
    """One lambda point on pictures, with real rounding: means over the pictures."""

    lambda_: float
    bpp: float  # ideal code length
    psnr: float  # of 8-bit pictures
    loss: float
    distortion: float | None = None  # if it is not MSE

    def record(self) -> dict[str, float]:
        return {name: value for name, value in self._asdict().items() if value is not None}


@torch.inference_mode()
def measure(
    model: RateDistortionAutoencoder, pictures: Sequence[Tensor], autocast: Autocast, distortion: str = "mse"
) -> list[Score]:
    """Score every lambda point."""
    rows: list[list[Score]] = [[] for _ in model.lambdas]
    for picture in pictures:
        x = whole_blocks(picture)[None].to(model.log_gain.device).float() / PEAK
        x = x.contiguous(memory_format=torch.channels_last)
        with autocast():
            first = model.analysis(x).float()
            second = model.second_look(x, first).float() if model.shares.any() else first
        for k, scores in enumerate(rows):
            latents, point = blend(first, second, model.shares[k]), torch.tensor([k], device=x.device)
            latents, bits = model.transmit(latents, point, "dead-zone", None)
            with autocast():
                y = model.synthesis(latents).float()
            scores.append(score(y, x, bits, model.lambdas[k], distortion))
    return [mean_score(scores) for scores in rows]


def score(y: Tensor, x: Tensor, bits: Tensor, lambda_: float, distortion: str = "mse") -> Score:
    """Score the reconstruction y of one picture, after rounding to 8 bits."""
    y = (y * PEAK).round().clamp(0, PEAK) / PEAK
    bpp, error = float(bits) / x[0, 0].numel(), mse(y, x)
    if distortion == "mse":
        return Score(lambda_, bpp, float(psnr(error)), bpp + lambda_ * float(error))
    distance = float(get_distortion(distortion).of(y, x))
    return Score(lambda_, bpp, float(psnr(error)), bpp + lambda_ * distance, distance)


def mean_score(scores: Sequence[Score]) -> Score:
    means = {name: sum(s.record()[name] for s in scores) / len(scores) for name in scores[0].record()}
    return Score(**means)


def score_table(scores: Sequence[Score]) -> str:
    """The scores, for the screen.

    >>> print(score_table([Score(0.01, bpp=0.5, psnr=32.25, loss=0.6)]))
      lambda     bpp    PSNR    loss
      0.01     0.5000  32.250  0.6000
    """
    lines = ["  lambda     bpp    PSNR    loss" + ("  distortion" if scores[0].distortion is not None else "")]
    for s in scores:
        distance = f"  {s.distortion:10.5f}" if s.distortion is not None else ""
        lines.append(f"  {s.lambda_:<7g} {s.bpp:7.4f} {s.psnr:7.3f} {s.loss:7.4f}{distance}")
    return "\n".join(lines)
