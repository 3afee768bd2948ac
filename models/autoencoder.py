"""The rate-distortion autoencoder: transforms, gains and density, trained on rate + lambda * distortion."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lic.models.density import PiecewiseLinearDensity
from lic.models.quantization import Quantization, quantize
from lic.models.transforms import Analysis, Synthesis

PEAK = 255.0  # distortion is measured on pictures in grey levels


class Coded(NamedTuple):
    """What `RateDistortionAutoencoder.forward` returns."""

    reconstruction: Tensor  # B x 3 x H x W, not clipped
    bits: Tensor  # B, differentiable


class RateDistortionAutoencoder(nn.Module):
    """x -> y = analysis(x) -> n = quantize(gain y) -> inverse_gain n -> synthesis.

    One network serves all rates: a lambda point is a row of `log_gain` and of `log_inverse_gain`. The density
    is that of the *unscaled* latent y, so the probability of symbol n at step s = 1 / gain is

        P(n) = F((n + 1/2) s) - F((n - 1/2) s)

    and one density serves every step. Each lambda point has a share of a second look, 0 if nothing is said: latents
    move by it from those of a first look at the picture to those of a second.

    >>> model = RateDistortionAutoencoder(n=8, m=12, lambdas=(0.01, 0.1))
    >>> coded = model(torch.rand(2, 3, 32, 32), point=torch.tensor([0, 1]))
    >>> coded.reconstruction.shape, coded.bits.shape
    (torch.Size([2, 3, 32, 32]), torch.Size([2]))
    """

    shares: Tensor

    def __init__(
        self,
        n: int = 128,
        m: int = 192,
        lambdas: Sequence[float] = (0.01,),
        shares: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.n, self.m = n, m
        self.lambdas = tuple(sorted(lambdas))
        self.analysis = Analysis(n, m)
        self.synthesis = Synthesis(n, m)
        self.density = PiecewiseLinearDensity(m)
        steps = torch.tensor([optimal_step(value) for value in self.lambdas])
        self.log_gain = nn.Parameter(-steps.log()[:, None].repeat(1, m))
        self.log_inverse_gain = nn.Parameter(steps.log()[:, None].repeat(1, m))
        of_second_look = torch.tensor(shares or [0] * len(self.lambdas), dtype=torch.float32)
        self.register_buffer("shares", of_second_look, persistent=False)  # a choice, not something learned

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
        """What stands for each picture at its own lambda point, before rounding."""
        y: Tensor = self.analysis(x).float()
        share = self.shares[point]
        again = share > 0
        if not again.any():
            return y
        first, second = y[again], self.second_look(x[again], y[again]).float()
        return y.index_put((again,), first + share[again][:, None, None, None] * (second - first))

    def second_look(self, x: Tensor, y: Tensor) -> Tensor:
        """The latents of pictures to which what `y`, their first latents, leave out has been added.

        The analysis only nearly inverts the synthesis. What it got wrong, the synthesis shows: encoding x + (x - x'),
        with x' decoded from y without rounding, takes most of that back. Latents between `y` and these trade bits
        for it.
        """
        unscale = (self.log_gain[-1] + self.log_inverse_gain[-1]).exp()[:, None, None]  # as where steps are finest
        decoded = self.synthesis(y * unscale).clamp(0, 1)
        return self.analysis(x + (x - decoded))

    def transmit(self, y: Tensor, point: Tensor, how: Quantization, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """Latents as the decoder gets them, and the bits of each picture."""
        gain = self.log_gain[point].exp()[:, :, None, None]
        symbols = counted = quantize(y * gain, how, noise)
        if how == "straight-through":  # the rate of rounded values has no slope to descend, that of noisy ones has
            counted = quantize(y * gain, "noise", noise)
        return self.restore(symbols, point), self.bits(counted, gain).sum(dim=(1, 2, 3))

    def bits(self, symbols: Tensor, gain: Tensor) -> Tensor:
        """-log2 P of each (possibly noisy) symbol."""
        return -self.density.probability((symbols - 0.5) / gain, (symbols + 0.5) / gain).log2()

    def restore(self, symbols: Tensor, point: Tensor) -> Tensor:
        """The latents that symbols stand for."""
        return symbols * self.log_inverse_gain[point].exp()[:, :, None, None]

    @torch.no_grad()
    def permute_latents(self, order: Tensor) -> None:
        """Put the latent channels into another order, without any other effect."""
        last, first = self.analysis[-1], self.synthesis[0]
        assert isinstance(last, nn.Conv2d) and last.bias is not None and isinstance(first, nn.Conv2d)
        for tensor in (last.weight, last.bias, self.density.log_heights, self.density.unit):
            tensor.copy_(tensor[order])
        for tensor in (first.weight, self.log_gain, self.log_inverse_gain):
            tensor.copy_(tensor[:, order])


def optimal_step(lambda_: float) -> float:
    """The quantisation step of an orthonormal transform, by high-rate theory, for pictures in 0..1.

    For steps s in grey levels, D = s^2 / 12 per coefficient and dR/ds = -1 / (s ln 2) bits; with D averaged
    over three colour values per pixel, rate + lambda D is smallest at s^2 = 18 / (lambda ln 2).
    """
    step: float = (18 / (lambda_ * 0.6931471805599453)) ** 0.5 / PEAK
    return step
