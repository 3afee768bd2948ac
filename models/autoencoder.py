"""The rate-distortion autoencoder: transforms, gains and density, trained on rate + lambda * distortion."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lic.models.architecture import Architecture
from lic.models.constants import PEAK
from lic.models.density import PiecewiseLinearDensity
from lic.models.expectation import PhasePredictor, phases
from lic.models.magnitudes import Magnitudes
from lic.models.quantisation import Quantisation, quantise, soft_round
from lic.models.second_look import blend, look_again
from lic.models.transforms import Analysis, Synthesis


class Coded(NamedTuple):
    """The result of `RateDistortionAutoencoder.forward`."""

    reconstruction: Tensor  # B x 3 x H x W, not clipped
    bits: Tensor  # B, differentiable


class RateDistortionAutoencoder(nn.Module):
    """x -> y = analysis(x) -> n = quantise(gain y) -> inverse_gain n -> synthesis.

    One network serves all rates: a lambda point is a row of `log_gain` and of `log_inverse_gain`. The density
    is that of the *unscaled* latent y, so the probability of symbol n at step s = 1 / gain is

        P(n) = F((n + 1/2) s) - F((n - 1/2) s)

    and one density serves every step. Each lambda point has a blend weight in `shares`, 0 by default: the
    fraction of the way from the latents of the first look to those of the second (see `second_look.py`). If the
    architecture has predictors, y is replaced by its difference from expected latents (see `expectation.py`). With
    `contexts`, the rate is not that of the density but the one that contexts charge (see `magnitudes.py`).

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
        contexts: bool = False,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.lambdas = tuple(sorted(lambdas))
        self.analysis = Analysis(architecture.analysis)
        self.synthesis = Synthesis(architecture.synthesis)
        self.predictors = nn.ModuleList(map(PhasePredictor, architecture.predictors))
        m = architecture.m
        if architecture.predictors:
            self.trust = nn.Parameter(torch.ones(len(self.lambdas), m))
        self.density = PiecewiseLinearDensity(m)
        self.magnitudes = Magnitudes(len(self.lambdas), m) if contexts else None
        steps = torch.tensor([optimal_step(value) for value in self.lambdas])
        self.log_gain = nn.Parameter(-steps.log()[:, None].repeat(1, m))
        self.log_inverse_gain = nn.Parameter(steps.log()[:, None].repeat(1, m))
        of_second_look = torch.tensor(shares or [0] * len(self.lambdas), dtype=torch.float32)
        self.register_buffer("shares", of_second_look, persistent=False)  # chosen, not learned

    def forward(
        self,
        x: Tensor,
        point: Tensor,
        how: Quantisation = "noise",
        noise: Tensor | None = None,
        softness: float = 0.0,
        share: Tensor | None = None,
    ) -> Coded:
        """Reconstruction and bits of each picture, coded at its own lambda point (`point`: B indices).

        `share` is explained in `latents`, `softness` in `transmit`.
        """
        y = self.latents(x, point, share)
        y, bits = self.transmit(y, point, how, noise, softness)
        return Coded(self.synthesis(y), bits)

    def latents(self, x: Tensor, point: Tensor, share: Tensor | None = None) -> Tensor:
        """The latents of each picture before rounding, a share of the way from the first look to the second.

        The shares are those of the lambda points, unless given.
        """
        share = self.shares[point] if share is None else share
        y: Tensor = self.analysis(x).float()
        (again,) = share.nonzero(as_tuple=True)  # of the other pictures, no second look is needed
        if not len(again):
            return y
        second = self.second_look(x[again], y[again]).float()
        return y.index_copy(0, again, blend(y[again], second, share[again, None, None, None]))

    def second_look(self, x: Tensor, y: Tensor) -> Tensor:
        """The latents of a second look at pictures (see `second_look.py`); `y` are those of the first."""
        unscale = (self.log_gain[-1] + self.log_inverse_gain[-1]).exp()[:, None, None]  # as at the finest steps
        return look_again(self.analysis, self.synthesis, x, y * unscale)

    def transmit(
        self, y: Tensor, point: Tensor, how: Quantisation, noise: Tensor | None = None, softness: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """The latents that the decoder receives, and the bits of each picture.

        Only the rate of noisy values has a gradient: in training it stands for the rate of rounded ones, and comes
        nearer to it if values are rounded softly first, with `softness` as the alpha of `soft_round`.
        """
        training = how in ("noise", "straight-through")
        if training and noise is None:
            noise = torch.rand_like(y) - 0.5
        scaled, restored = self.code(y, point, how, noise)
        counted = quantise(soft_round(scaled, softness), "noise", noise) if training else quantise(scaled, how)
        return restored, self.rate(scaled, counted, point)

    def rate(self, scaled: Tensor, counted: Tensor, point: Tensor) -> Tensor:
        """The bits of each picture's (possibly noisy) symbols `counted`."""
        if self.magnitudes is None:
            return self.bits(counted, self.log_gain[point].exp()[:, :, None, None]).sum(dim=(1, 2, 3))
        # Contexts see rounded symbols; their gradient reaches the latents as if nothing had been rounded.
        mu = self.magnitudes(quantise(scaled, "straight-through"), point)
        return self.magnitudes.bits(counted, mu, point)

    def code(self, y: Tensor, point: Tensor, how: Quantisation, noise: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The scaled differences that are rounded to symbols, and the latents restored from the symbols."""
        gain = self.log_gain[point].exp()[:, :, None, None]
        expected, restored = self._by_phase(lambda expected: quantise((y - expected) * gain, how, noise), point)
        return (y - expected) * gain, restored

    def bits(self, symbols: Tensor, gain: Tensor) -> Tensor:
        """-log2 P of each (possibly noisy) symbol by the density."""
        return -self.density.probability((symbols - 0.5) / gain, (symbols + 0.5) / gain).log2()

    def restore(self, symbols: Tensor, point: Tensor) -> Tensor:
        """The latents that symbols stand for: the input of the synthesis."""
        return self._by_phase(lambda _: symbols, point)[1]

    def _by_phase(self, symbols: Callable[[Tensor], Tensor], point: Tensor) -> tuple[Tensor, Tensor]:
        """Expected and restored latents; `symbols` maps expected latents to the symbols of a phase."""
        inverse_gain = self.log_inverse_gain[point].exp()[:, :, None, None]
        expected = inverse_gain.new_zeros(())
        known = symbols(expected) * inverse_gain
        if not self.architecture.predictors:
            return expected, known
        trust = self.trust[point][:, :, None, None]
        phase = phases(known)
        known = known * (phase == 0)
        for k, predictor in enumerate(self.predictors, 1):
            of_phase = predictor(known).float() * trust
            known = known + (symbols(of_phase) * inverse_gain + of_phase) * (phase == k)
            expected = expected + of_phase * (phase == k)
        return expected, known

    @torch.no_grad()
    def order_by_size(self, y: Tensor) -> Tensor:
        """The order of the channels of latents y by magnitude, the most informative ones first.

        Only channels whose numbers have the same remainder by the number of phases exchange places, and none where
        layers are of one's own.
        """
        if self.architecture.is_own:
            return torch.arange(self.architecture.m, device=y.device)
        gain = self.log_gain[len(self.lambdas) // 2].exp()
        by_size = (y.abs().mean(dim=(0, 2, 3)) * gain).argsort(descending=True, stable=True)
        order, phases = torch.empty_like(by_size), self.architecture.phases
        for group in range(phases):
            order[group::phases] = by_size[by_size % phases == group]
        return order

    @torch.no_grad()
    def permute_latents(self, order: Tensor) -> None:
        """Reorder the latent channels; reconstructions and rates do not change.

        With phases, a channel's number must keep its remainder modulo 4, which determines the phases of its latents.
        """
        if self.magnitudes is not None:
            raise ValueError("the contexts are learned for the order of the channels")
        if ((order - torch.arange(len(order))) % self.architecture.phases).any():
            raise ValueError("the order moves channels to other phases")
        if self.architecture.is_own:
            return  # `order_by_size` leaves it as it is
        outputs, inputs = self.architecture.latent_tensors
        state = self.state_dict()
        for name in (*outputs, "density.log_heights", "density.unit"):
            state[name].copy_(state[name][order])
        for name in (*inputs, "log_gain", "log_inverse_gain", *["trust"] * ("trust" in state)):
            state[name].copy_(state[name][:, order])


def optimal_step(lambda_: float) -> float:
    """The quantisation step of an orthonormal transform, by high-rate theory, for pictures in 0..1.

    For steps s in grey levels, D = s^2 / 12 per coefficient and dR/ds = -1 / (s ln 2) bits; with D averaged
    over three colour values per pixel, rate + lambda D is smallest at

        s^2 = 18 / (lambda ln 2)
    """
    step: float = (18 / (lambda_ * 0.6931471805599453)) ** 0.5 / PEAK
    return step
