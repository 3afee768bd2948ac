"""The objective of the VAE and, if its noise is fixed, of the noisy-channel autoencoder."""

import dataclasses
import math
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from lic.models.constants import DOWNSAMPLING, PEAK
from lic.models.distortion import mse, psnr
from lic.models.theory.likelihood import Noise
from lic.models.theory.noisy_channel import fix_trade_off, rate_and_distortion
from lic.models.theory.vae import Vae, active_units, bits_per_dimension, negative_elbo, probabilistic_pca_start
from lic.tools.training.checkpoint import CheckpointError, read_checkpoint, reading, section
from lic.tools.training.objective import Autocast, Forward, Moment, Validation
from lic.tools.training.pictures import whole_blocks
from lic.tools.training.rate_distortion import best_checkpoint
from lic.tools.usage import BadOptions


@dataclasses.dataclass(frozen=True)
class Variational:
    """-ELBO in bits per colour value, as a density per grey level.

    >>> Variational(n=8, m=4).build().m
    4
    """

    NAME: ClassVar[str] = "variational"
    FIXED: ClassVar[tuple[str, ...]] = ("n", "m", "noise", "lambda_")

    n: int = 64  # channels of the inner layers
    m: int = 64  # channels of the latents
    noise: Noise = "gaussian"
    lambda_: float | None = None  # rate + lambda * squared error, by fixed noise; None to learn the noise
    kl_warmup: float = 0.0  # fraction of the run
    free_bits: float = 0.0  # per latent, averaged over a channel

    def __post_init__(self) -> None:
        if self.lambda_ is not None and self.noise != "gaussian":
            raise BadOptions("`lambda_` trades squared error for rate: leave `noise` at gaussian")

    @property
    def final_share(self) -> float:
        return 0.0

    def describe(self) -> dict[str, Any]:
        return {"objective": self.NAME} | dataclasses.asdict(self)

    def build(self) -> Vae:
        vae = Vae(self.n, self.m, self.noise)
        if self.lambda_ is not None:
            fix_trade_off(vae, self.lambda_)
        return vae

    def start(self, model: Vae, crops: Tensor) -> None:
        probabilistic_pca_start(model, crops)

    def draw(self, batch: int, crop: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """The noise of the reparametrised sample."""
        side = crop // DOWNSAMPLING
        return (torch.randn(batch, self.m, side, side, generator=generator, device=generator.device),)

    def loss(self, net: Forward, x: Tensor, draws: tuple[Tensor, ...], now: Moment) -> tuple[Tensor, dict[str, Tensor]]:
        explained = net(x, *draws)
        beta = min(1.0, now.progress / self.kl_warmup) if self.kl_warmup else 1.0
        positions = explained.mean[0, 0].numel()
        nats = negative_elbo(explained, beta, self.free_bits * math.log(2) * positions)
        bits, distortion = rate_and_distortion(explained, x)
        numbers = {
            "bpp": bits.mean(),
            "psnr": psnr(distortion).mean(),
            "active": active_units(explained.mean).sum().float(),
        }
        return nats / (math.log(2) * x[0].numel()) + math.log2(PEAK), numbers

    def freeze(self, model: Vae) -> None:
        """Does nothing: `final_share` is 0."""

    def validate(self, model: Vae, pictures: list[Tensor], autocast: Autocast) -> Validation:
        score = measure(model, pictures, autocast)
        return Validation(score.bits_per_dimension, score_table(score), [score._asdict()])

    @torch.inference_mode()
    def show(self, model: Vae, picture: Tensor, autocast: Autocast) -> dict[str, Tensor]:
        x = whole_blocks(picture)[None].to(model.log_scale.device).float() / PEAK
        with autocast():
            return {"picture": x[0], "reconstruction": model.reconstruct(x)[0].float()}


class Score(NamedTuple):
    """Measurements of a VAE, as means over pictures."""

    bits_per_dimension: float  # of 8-bit values
    density_bits: float  # -ELBO per value, as a density per grey level
    bpp: float  # KL, per pixel
    psnr: float  # of the reconstruction from a sample of q(z|x)
    psnr_map: float  # of that from its mean
    active: int  # channels
    channels: int
    scale: float  # of the noise, in grey levels


@torch.inference_mode()
def measure(vae: Vae, pictures: list[Tensor], autocast: Autocast) -> Score:
    """Measure on uint8 pictures, cropped to multiples of 16; always with the same noise."""
    device = vae.log_scale.device
    generator = torch.Generator(device).manual_seed(0)
    sums, means = torch.zeros(5, dtype=torch.float64), []
    for picture in pictures:
        x = whole_blocks(picture)[None].to(device).float() / PEAK
        with autocast():
            q_mean = vae.encode(x).mean
            epsilon = torch.randn(q_mean.shape, generator=generator, device=device)
            explained, best = vae(x, epsilon), vae.reconstruct(x)
            bits = bits_per_dimension(vae, x, epsilon)
        rate, distortion = rate_and_distortion(explained, x)
        qualities = [float(psnr(error)) for error in (distortion, mse(best, x))]
        density = float(negative_elbo(explained)) / math.log(2) / x.numel() + math.log2(PEAK)
        sums += torch.tensor([float(bits), density, float(rate), *qualities], dtype=torch.float64)
        means.append(q_mean.flatten(2)[0])
    active = active_units(torch.cat(means, dim=1)[None])
    bits_value, density_bits, bpp, decibels, decibels_map = (sums / len(pictures)).tolist()
    scale = float(vae.log_scale.exp().mean()) * PEAK
    return Score(bits_value, density_bits, bpp, decibels, decibels_map, int(active.sum()), len(active), scale)


def score_table(score: Score) -> str:
    return "\n".join(
        [
            f"  {score.bits_per_dimension:7.4f} bits per 8-bit value (bound on a lossless code)",
            f"  {score.bpp:7.4f} bits per pixel of KL",
            f"  {score.psnr:7.3f} dB from a sample, {score.psnr_map:.3f} dB from the mean (MAP)",
            f"  {score.active:7d} active units of {score.channels}",
            f"  {score.scale:7.3f} grey levels: the noise's scale",
        ]
    )


def load_vae(run: Path) -> Vae:
    """The averaged network of a run of `lic learn vae train` (its folder, or a checkpoint in it)."""
    path = best_checkpoint(run)
    tensors, info = read_checkpoint(path)
    with reading(path):
        config = info["config"]
        if config.get("objective") != Variational.NAME:
            raise CheckpointError(f"{path} is not a VAE: make one with lic learn vae train")
        vae = Vae(config["n"], config["m"], config["noise"])
        vae.load_state_dict(section(tensors, "average"))
    return vae.requires_grad_(False)
