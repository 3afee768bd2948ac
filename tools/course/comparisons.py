"""Objectives side by side: `lic learn vae objectives` and `lic learn vae colour`.

Every row is trained on the same layers, pictures and number of steps, and measured on the same held-out
pictures.
"""

import dataclasses
import math
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lic.codec.encode.pipeline import encode_picture
from lic.codec.picture.reading import Picture
from lic.codec.transform.torch_network import freeze
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.constants import PEAK
from lic.models.theory.conditional import ConditionalAutoencoder, conditional_start
from lic.tools.course.small_trainings import Bench
from lic.tools.training.rate_distortion import RateDistortion
from lic.tools.training.scores import Score, mean_score, score
from lic.tools.training.scores import measure as measure_rate_distortion
from lic.tools.training.variational import Variational
from lic.tools.training.variational import measure as measure_variational

WHOLE = "the whole picture"
WHOLE_LAMBDAS = (0.01, 0.03, 0.1, 0.3, 1.0)  # for pictures
COLOUR_LAMBDAS = (0.0003, 0.001, 0.003, 0.01, 0.03)  # for their colour alone


@dataclasses.dataclass(frozen=True)
class Colour(RateDistortion):
    """The bits of colour, for a decoder that has the grey picture and, if `informed`, uses it while decoding."""

    informed: bool = True

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"objective": "colour"}

    def build(self) -> ConditionalAutoencoder:
        return ConditionalAutoencoder(self.architecture, self.lambdas, informed=self.informed)

    def start(self, model: RateDistortionAutoencoder, crops: Tensor) -> None:
        assert isinstance(model, ConditionalAutoencoder)
        conditional_start(model, crops)

    def freeze(self, model: RateDistortionAutoencoder) -> None:
        super().freeze(model)
        assert isinstance(model, ConditionalAutoencoder)
        if model.slope is not None:
            model.slope.requires_grad_(True)


class Row(NamedTuple):
    """An objective's line in the table of `lic learn vae objectives`."""

    objective: str
    lambda_: float
    bpp: float
    psnr: float
    file_bpp: float  # of real files; nan where there is no code


def objective_rows(bench: Bench, n: int, m: int, lambda_: float) -> list[Row]:
    """VAE, noisy channel, and rounding with an entropy code."""
    rows = []
    for name, given in (("VAE", None), ("noisy channel", lambda_)):
        vae = bench.train(Variational(n, m, lambda_=given))
        score = measure_variational(vae, bench.pictures, nullcontext)
        chosen = 3 / (2 * score.scale**2 * math.log(2))  # the trade-off that the learned noise implies
        rows.append(Row(name, chosen, score.bpp, score.psnr, math.nan))
    codec = bench.train(RateDistortion((lambda_,), n, m, proxy="noise"))
    (coded,) = measure_rate_distortion(codec, bench.pictures, nullcontext)
    rows.append(Row("rounding + code", lambda_, coded.bpp, coded.psnr, file_rate(codec, bench.pictures)))
    return rows


def file_rate(codec: RateDistortionAutoencoder, pictures: list[Tensor]) -> float:
    """Bits per pixel of real .lic files: the mean over pictures, as in `measure`."""
    model = freeze(codec, {"name": "comparison"})
    rates = []
    for picture in pictures:
        pixels = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
        size = len(encode_picture(Picture(pixels), model, position=0))
        rates.append(8 * size / (pixels.shape[0] * pixels.shape[1]))
    return float(np.mean(rates))


def objective_table(rows: list[Row]) -> str:
    """The table of `lic learn vae objectives`."""
    lines = [f"{'objective':<16} {'lambda':>8} {'bits/pixel':>11} {'PSNR dB':>8} {'real files, bits/pixel':>23}"]
    for row in rows:
        real = "no such code" if math.isnan(row.file_bpp) else f"{row.file_bpp:.4f}"
        lines.append(f"{row.objective:<16} {row.lambda_:8.4g} {row.bpp:11.4f} {row.psnr:8.2f} {real:>23}")
    lines.append("lambda: given, or for the VAE what its learned noise stands for, 3 / (2 sigma^2 ln 2)")
    return "\n".join(lines)


def colour_curves(bench: Bench, n: int, m: int) -> dict[str, list[Score]]:
    """Rate-distortion points of whole pictures, and of colour for a decoder with the grey picture."""
    objectives = {
        WHOLE: RateDistortion(WHOLE_LAMBDAS, n, m, proxy="noise"),
        "colour, grey only added": Colour(COLOUR_LAMBDAS, n, m, proxy="noise", informed=False),
        "colour given grey": Colour(COLOUR_LAMBDAS, n, m, proxy="noise", informed=True),
    }
    return {name: points(bench.train(objective), bench.pictures) for name, objective in objectives.items()}


@torch.inference_mode()
def points(model: RateDistortionAutoencoder, pictures: list[Tensor]) -> list[Score]:
    """Scores of every lambda point by the model's `forward`, which may use side information."""
    rows: list[list[Score]] = [[] for _ in model.lambdas]
    for picture in pictures:
        x = picture[None].float() / PEAK
        for k, scores in enumerate(rows):
            coded = model(x, torch.tensor([k]), "round")
            scores.append(score(coded.reconstruction, x, coded.bits, model.lambdas[k]))
    return [mean_score(scores) for scores in rows]


def rate_at(scores: list[Score], psnr: float) -> float:
    """Bits per pixel for a PSNR, by linear interpolation of their logarithm.

    The rate of the coarsest point if that is better already; nan if the finest one is worse.

    >>> points = [Score(0.1, 0.25, 30.0, 0), Score(0.2, 1.0, 34.0, 0)]
    >>> rate_at(points, 32.0)
    0.5
    """
    logs = [math.log(score.bpp) for score in scores]
    return math.exp(np.interp(psnr, [s.psnr for s in scores], logs, right=math.nan))


def colour_table(curves: dict[str, list[Score]]) -> str:
    """The tables of `lic learn vae colour`."""
    lines = [f"{'coded':<24} {'lambda':>8} {'bits/pixel':>11} {'PSNR dB':>8}"]
    for name, scores in curves.items():
        lines += [f"{name:<24} {s.lambda_:8.4g} {s.bpp:11.4f} {s.psnr:8.2f}" for s in scores]
    lines.append(
        f"\nbits per pixel for the same PSNR, or better\n{'PSNR dB':>8} " + " ".join(f"{n:>24}" for n in curves)
    )
    for psnr in sorted(s.psnr for s in curves[WHOLE]):
        lines.append(f"{psnr:8.2f} " + " ".join(f"{rate_at(scores, psnr):24.4f}" for scores in curves.values()))
    return "\n".join(lines)
