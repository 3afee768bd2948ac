"""The objective of the codec: rate + lambda * distortion, at all lambda points at once."""

import dataclasses
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lic.models.autoencoder import PEAK, RateDistortionAutoencoder
from lic.models.pca import pca_start
from lic.models.transforms import DOWNSAMPLING
from lic.tools.loop import Autocast, Now, Validation

DEFAULT_LAMBDAS = tuple(round(0.001 * 2**k, 3) for k in range(9))


@dataclasses.dataclass(frozen=True)
class RateDistortion:
    """bits per pixel + lambda * 255^2 * MSE; each picture of a batch draws its own lambda point.

    >>> objective = RateDistortion(lambdas=(0.01, 0.1), n=8, m=12)
    >>> objective.build().lambdas
    (0.01, 0.1)
    """

    lambdas: tuple[float, ...] = DEFAULT_LAMBDAS
    n: int = 128
    m: int = 320
    rounded_share: float = 0.1  # the last share of the run fine-tunes the decoder on truly rounded latents

    @property
    def final_share(self) -> float:
        return self.rounded_share

    def describe(self) -> dict[str, Any]:
        return {"objective": "rate-distortion"} | dataclasses.asdict(self)

    def build(self) -> RateDistortionAutoencoder:
        return RateDistortionAutoencoder(self.n, self.m, self.lambdas)

    def start(self, model: RateDistortionAutoencoder, crops: Tensor) -> None:
        pca_start(model, crops)

    def draw(self, batch: int, crop: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A lambda point for each picture, and the noise that stands for rounding."""
        side, device = crop // DOWNSAMPLING, generator.device
        point = torch.randint(len(self.lambdas), (batch,), generator=generator, device=device)
        noise = torch.rand(batch, self.m, side, side, generator=generator, device=device) - 0.5
        return point, noise

    def loss(self, net: nn.Module, x: Tensor, draws: tuple[Tensor, ...], now: Now) -> tuple[Tensor, dict[str, Tensor]]:
        point, noise = draws
        coded = net(x, point, "round" if now.final else "noise", noise)
        bpp = coded.bits / x[0, 0].numel()
        mse = (coded.reconstruction.float() - x).square().mean(dim=(1, 2, 3)) * PEAK**2
        loss = (bpp + x.new_tensor(sorted(self.lambdas))[point] * mse).mean()
        return loss, {"bpp": bpp.mean(), "psnr": 10 * torch.log10(PEAK**2 / mse).mean()}

    def freeze(self, model: nn.Module) -> None:
        """Leave gradients to synthesis and inverse gains only: what rounded latents can still teach."""
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith("synthesis.") or name == "log_inverse_gain")

    def validate(self, model: RateDistortionAutoencoder, pictures: list[Tensor], autocast: Autocast) -> Validation:
        scores = measure(model, pictures, autocast)
        # The mean logarithm of the loss, so that all rates count alike.
        score = sum(math.log(s.loss) for s in scores) / len(scores)
        return Validation(score, score_table(scores), [s._asdict() for s in scores])


class Score(NamedTuple):
    """One lambda point on the validation pictures, with real rounding: means over the pictures."""

    lambda_: float
    bpp: float
    psnr: float
    loss: float


@torch.inference_mode()
def measure(model: RateDistortionAutoencoder, pictures: list[Tensor], autocast: Autocast) -> list[Score]:
    """Rate (ideal code length), PSNR of 8-bit pictures and loss at every lambda point."""
    device = model.log_gain.device
    sums = torch.zeros(len(model.lambdas), 3)
    for picture in pictures:
        height, width = (side // DOWNSAMPLING * DOWNSAMPLING for side in picture.shape[1:])
        x = picture[None, :, :height, :width].to(device).float() / PEAK
        x = x.contiguous(memory_format=torch.channels_last)
        for k, lambda_ in enumerate(model.lambdas):
            with autocast():
                coded = model(x, torch.tensor([k], device=device), "round")
            bpp = float(coded.bits) / (height * width)
            mse = float(((coded.reconstruction * PEAK).round().clamp(0, PEAK) - x * PEAK).square().mean())
            sums[k] += torch.tensor([bpp, 10 * math.log10(PEAK**2 / max(mse, 1e-10)), bpp + lambda_ * mse])
    means = (sums / len(pictures)).tolist()
    return [Score(lambda_, *mean) for lambda_, mean in zip(model.lambdas, means, strict=True)]


def score_table(scores: list[Score]) -> str:
    lines = ["  lambda     bpp    PSNR    loss"]
    lines += [f"  {s.lambda_:<7g} {s.bpp:7.4f} {s.psnr:7.3f} {s.loss:7.4f}" for s in scores]
    return "\n".join(lines)
