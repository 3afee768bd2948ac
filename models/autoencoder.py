"""The rate-distortion autoencoder: transforms, gains and density, trained on rate + lambda * distortion."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lic.models.architecture import Architecture
from lic.models.constants import PEAK
from lic.models.density import PiecewiseLinearDensity
from lic.models.quantization import Quantization, quantize
from lic.models.second_look import blend, look_again
from lic.models.transforms import Analysis, Synthesis


class Coded(NamedTuple):
    """What `RateDistortionAutoencoder.forward` returns."""

    reconstruction: Tensor  # B x 3 x H x W, not clipped
    bits: Tensor  # B, differentiable


class RateDistortionAutoencoder(nn.Module):
    """x -> y = analysis(x) -> n = quantize(gain y) -> inverse_gain n -> synthesis.

    One network serves all rates: a lambda point is a row of `log_gain` and of `log_inverse_gain`. The density
    is that of the *unscaled* latent y, so the probability of symbol n at step s = 1 / gain is

        P(n) = F((n + 1/2) s) - F((n - 1/2) s)

    and one density serves every step. Each lambda point has a blend weight in `shares`, 0 by default: the
    fraction of the way from the latents of the first look to those of the second (see `second_look.py`).

    >>> model = RateDistortionAutoencoder(Architecture(n=8, m=12), lambdas=(0.01, 0.1))
    >>> coded = model(torch.rand(2, 3, 32, 32), point=torch.tensor([0, 1]))
    >>> coded.reconstruction.shape, coded.bits.shape
    (torch.Size([2, 3, 32, 32]), torch.Size([2]))
    """

    shares: Tensor

    def __init__(
        self,
        architecture: Architecture,
        lambdas: Sequence[float] = (0.01,),
        shares: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.lambdas = tuple(sorted(lambdas))
        self.analysis = Analysis(architecture.analysis)
        self.synthesis = Synthesis(architecture.synthesis)
        m = architecture.m
        self.density = PiecewiseLinearDensity(m)
        steps = torch.tensor([optimal_step(value) for value in self.lambdas])
        self.log_gain = nn.Parameter(-steps.log()[:, None].repeat(1, m))
        self.log_inverse_gain = nn.Parameter(steps.log()[:, None].repeat(1, m))
        of_second_look = torch.tensor(shares or [0] * len(self.lambdas), dtype=torch.float32)
        self.register_buffer("shares", of_second_look, persistent=False)  # chosen, not learned

    def forward(
        self,
        x: Tensor,
        point: Tensor,
        how: Quantization = "noise",
        noise: Tensor | None = None,
    ) -> Coded:
        """Reconstruction and bits of each picture, coded at its own lambda point (`point`: B indices)."""
        y, bits = self.transmit(self.latents(x, point), point, how, noise)
        return Coded(self.synthesis(y), bits)

    def latents(self, x: Tensor, point: Tensor) -> Tensor:
        """The latents of each picture at its own lambda point, before rounding."""
        y: Tensor = self.analysis(x).float()
        share = self.shares[point]
        again = share > 0
        if not again.any():
            return y
        second = self.second_look(x[again], y[again]).float()
        return y.index_put((again,), blend(y[again], second, share[again][:, None, None, None]))

    def second_look(self, x: Tensor, y: Tensor) -> Tensor:
        """The latents of a second look at pictures (see `second_look.py`); `y` are those of the first."""
        unscale = (self.log_gain[-1] + self.log_inverse_gain[-1]).exp()[:, None, None]  # as at the finest steps
        return look_again(self.analysis, self.synthesis, x, y * unscale)

    def transmit(self, y: Tensor, point: Tensor, how: Quantization, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """The latents that the decoder receives, and the bits of each picture."""
        gain = self.log_gain[point].exp()[:, :, None, None]
        symbols = counted = quantize(y * gain, how, noise)
        if how == "straight-through":  # only the rate of noisy values has a gradient
            counted = quantize(y * gain, "noise", noise)
        return self.restore(symbols, point), self.bits(counted, gain).sum(dim=(1, 2, 3))

    def bits(self, symbols: Tensor, gain: Tensor) -> Tensor:
        """-log2 P of each (possibly noisy) symbol."""
        return -self.density.probability((symbols - 0.5) / gain, (symbols + 0.5) / gain).log2()

    def restore(self, symbols: Tensor, point: Tensor) -> Tensor:
        """Symbols times the inverse gain: the input of the synthesis."""
        return symbols * self.log_inverse_gain[point].exp()[:, :, None, None]

    @torch.no_grad()
    def permute_latents(self, order: Tensor) -> None:
        """Reorder the latent channels; reconstructions and rates do not change."""
        outputs, inputs = self.architecture.latent_tensors
        state = self.state_dict()
        for name in (*outputs, "density.log_heights", "density.unit"):
            state[name].copy_(state[name][order])
        for name in (*inputs, "log_gain", "log_inverse_gain"):
            state[name].copy_(state[name][:, order])


def optimal_step(lambda_: float) -> float:
    """The quantisation step of an orthonormal transform, by high-rate theory, for pictures in 0..1.

    For steps s in grey levels, D = s^2 / 12 per coefficient and dR/ds = -1 / (s ln 2) bits; with D averaged
    over three colour values per pixel, rate + lambda D is smallest at s^2 = 18 / (lambda ln 2).
    """
    step: float = (18 / (lambda_ * 0.6931471805599453)) ** 0.5 / PEAK
    return step
