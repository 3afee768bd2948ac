"""The rate that contexts charge, differentiable: the counterpart of the codec's integer contexts in four phases.

Symbols are coded channel by channel, and each channel in four phases (see `expectation.py`). Contexts estimate the
magnitude of a symbol by a weighted sum over symbols coded before it, and the estimate scales a density:

    mu   = scale (sum_i shares_i f_i / mean f_i + sum_d earlier_d |n_d| / mean |n_d|)
    P(n) = F((n + 1/2) / mu) - F((n - 1/2) / mu)

with these features f, in which magnitudes are capped:

    1                        a constant
    F0, F1, F2               running sums of magnitudes over the channels before, in which a magnitude counts half,
                             seven eighths, or all of the one of the channel after it
    F0, F1, F2, straight     the same sums at the four straight neighbours
    straight, diagonal       sums over the four straight and the four diagonal neighbours in the same channel, as far as
                             they were coded in earlier phases

d runs over the channels of earlier blocks of CONTEXT_BLOCK channels. The first LEVEL_CHANNELS channels contain local
averages of brightness and colour: in phase 0 their symbols are levels, which tell nothing about detail. In the running
sums and in the sums over d the mean magnitude of the straight neighbours replaces them.

Weights and densities are separate for each lambda point, phase and channel, and so is `scale`, the mean magnitude.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.constants import CONTEXT_BLOCK, FEATURES, LEVEL_CHANNELS, MAGNITUDE_CAP, PHASES, PLACES
from lic.models.density import PiecewiseLinearDensity
from lic.models.expectation import phases

KEPT = (1 / 2, 7 / 8, 1.0)  # of a running sum, from one channel to the next
START = (0.1, 0.2, 0.2, 0.05, 0.1, 0.1, 0.05, 0.15, 0.05)  # the shares before fitting
MIN_MAGNITUDE = 2.0**-10
MIN_MEAN = 1e-3
WEIGHT_RATE, HEIGHT_RATE = 4e-3, 1e-2  # learning rates of `fit`
POSITIONS_PER_STEP = 2000
PARTS = 16  # pictures whose features are computed at once


class Magnitudes(nn.Module):
    """mu of symbols (B x C x H x W), and their bits; `point` (B) is the lambda point of each picture.

    >>> magnitudes = Magnitudes(points=2, channels=6)
    >>> symbols, point = torch.ones(3, 6, 4, 4), torch.tensor([0, 1, 1])
    >>> magnitudes.bits(symbols, magnitudes(symbols, point), point).shape
    torch.Size([3])
    """

    kernels: Tensor
    reach: Tensor
    feature_means: Tensor
    magnitude_means: Tensor
    scale: Tensor

    def __init__(self, points: int, channels: int) -> None:
        super().__init__()
        self.points, self.channels = points, channels
        self.shares = nn.Parameter(torch.tensor(START).repeat(points, PHASES, channels, 1))
        self.earlier = nn.Parameter(torch.zeros(points, PHASES, channels, channels))
        # Of a Laplacian with mean magnitude 1, in the order point, channel, phase.
        self.density = PiecewiseLinearDensity(points * PHASES * channels, deviation=2**0.5)
        self.register_buffer("feature_means", torch.ones(points, FEATURES, channels))
        self.register_buffer("magnitude_means", torch.ones(points, channels))
        self.register_buffer("scale", torch.ones(points, PHASES, channels))
        channel = torch.arange(channels)
        between = channel[:, None] - channel - 1  # the number of channels between two
        kernels = torch.stack([kept ** between.clamp(min=0) * (between >= 0) for kept in KEPT])
        self.register_buffer("kernels", kernels, persistent=False)
        reach = (channel < channel[:, None] // CONTEXT_BLOCK * CONTEXT_BLOCK).float()
        self.register_buffer("reach", reach, persistent=False)

    def forward(self, symbols: Tensor, point: Tensor) -> Tensor:
        """mu of each symbol."""
        with torch.autocast(symbols.device.type, enabled=False):
            return self._mu(*self._features(symbols), point)

    def _mu(self, features: Iterable[Tensor], magnitudes: Tensor, point: Tensor) -> Tensor:
        shares = self.shares * (self.scale[..., None] / self.feature_means.mT[:, None])
        earlier = self.earlier * self.reach * (self.scale[..., None] / self.magnitude_means[:, None, None])
        mu = torch.empty_like(magnitudes)
        for (i, j), phase in self._phases_by_position(magnitudes.device):
            row = phase * self.channels + torch.arange(self.channels, device=phase.device)
            share = shares.flatten(1, 2).index_select(1, row).index_select(0, point)
            weight = earlier.flatten(1, 2).index_select(1, row).index_select(0, point)
            here = magnitudes[..., i::2, j::2]
            sums = (weight @ here.flatten(2)).view_as(here)
            for k, feature in enumerate(features):
                sums = torch.addcmul(sums, share[..., k, None, None], feature[..., i::2, j::2])
            mu[..., i::2, j::2] = sums
        return mu.clamp(min=MIN_MAGNITUDE)

    def bits(self, symbols: Tensor, mu: Tensor, point: Tensor) -> Tensor:
        """-log2 P of each picture's (possibly noisy) symbols."""
        total = torch.zeros(len(symbols), device=symbols.device)
        for (i, j), phase in self._phases_by_position(symbols.device):
            n, scale = (x[..., i::2, j::2].flatten(2).flatten(0, 1)[None] for x in (symbols, mu))
            row = (point[:, None] * self.channels + torch.arange(self.channels, device=phase.device)) * PHASES + phase
            p = self.density.probability((n - 0.5) / scale, (n + 0.5) / scale, row.flatten())
            total = total - p.log2().view(len(symbols), -1).sum(1)
        return total

    @torch.no_grad()
    def _measure(self, k: int, symbols: Tensor) -> tuple[Tensor, Tensor]:
        """Set the means in the units of which the weights of lambda point k are learned.

        Returns the features (F x B x C x H x W) and the magnitudes, in half precision, which is enough to learn from.
        """
        total = torch.zeros(FEATURES, self.channels, device=symbols.device)
        magnitude = torch.zeros(self.channels, device=symbols.device)
        size = torch.zeros(PHASES, self.channels, device=symbols.device)
        count = torch.zeros(PHASES, self.channels, device=symbols.device)
        channel = torch.arange(self.channels, device=symbols.device)
        every_feature, every_magnitude = symbols.new_empty(FEATURES, *symbols.shape, dtype=torch.half), symbols.half()
        for i, part in enumerate(symbols.split(PARTS)):
            features, magnitudes = self._features(part)
            every_feature[:, i * PARTS :][:, : len(part)] = torch.stack(features)
            every_magnitude[i * PARTS :][: len(part)] = magnitudes
            total += torch.stack([feature.sum((0, 2, 3)) for feature in features])
            magnitude += magnitudes.sum((0, 2, 3))
            for (y, x), phase in self._phases_by_position(symbols.device):
                here = part[..., y::2, x::2].abs()
                size[phase, channel] += here.sum((0, 2, 3))
                count[phase, channel] += here[:, 0].numel()
        positions = symbols[:, 0].numel()
        self.feature_means[k] = (total / positions).clamp(min=MIN_MEAN)
        self.magnitude_means[k] = (magnitude / positions).clamp(min=MIN_MEAN)
        self.scale[k] = (size / count.clamp(min=1)).clamp(min=MIN_MEAN)
        return every_feature, every_magnitude

    def fit(self, k: int, symbols: Tensor, steps: int) -> float:
        """Learn lambda point k from its symbols (B x C x H x W) alone; returns the bits per picture at the end.

        The weights start afresh: started from those of a neighbouring point they end up worse.
        """
        one = Magnitudes(1, self.channels).to(symbols.device)
        features, magnitudes = one._measure(0, symbols)  # no weight changes them
        rates = {one.shares: WEIGHT_RATE, one.earlier: WEIGHT_RATE, one.density.log_heights: HEIGHT_RATE}
        optimizer = torch.optim.Adam([{"params": [p], "rate": rate} for p, rate in rates.items()], lr=0.0)
        generator = torch.Generator().manual_seed(0)
        batch = max(1, POSITIONS_PER_STEP // symbols[0, 0].numel())
        point = torch.zeros(batch, dtype=torch.long, device=symbols.device)
        bits = torch.zeros(())
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * (1 - step / steps)
            some = torch.randint(len(symbols), (batch,), generator=generator)
            mu = one._mu(features[:, some].float(), magnitudes[some].float(), point)
            bits = one.bits(symbols[some], mu, point).mean()
            optimizer.zero_grad()
            bits.backward()
            optimizer.step()
        with torch.no_grad():
            for name in ("shares", "earlier", "feature_means", "magnitude_means", "scale"):
                getattr(self, name)[k] = getattr(one, name)[0]
            rows = PHASES * self.channels
            self.density.log_heights[k * rows : (k + 1) * rows] = one.density.log_heights
        return float(bits.detach())

    def _phases_by_position(self, device: torch.device) -> list[tuple[tuple[int, int], Tensor]]:
        """The parities of row and column, and the phase of each channel there."""
        channel = torch.arange(self.channels, device=device)
        return [((i, j), (PLACES[i][j] - channel) % PHASES) for i in range(2) for j in range(2)]

    def _features(self, symbols: Tensor) -> tuple[list[Tensor], Tensor]:
        """f (each B x C x H x W), and the magnitudes in their sums."""
        capped = symbols.abs().clamp(max=MAGNITUDE_CAP)
        phase = phases(symbols)
        first = capped[:, :LEVEL_CHANNELS]
        first = torch.where(phase[:LEVEL_CHANNELS] == 0, _straight(first) / 4, first)
        magnitudes = torch.cat([first, capped[:, LEVEL_CHANNELS:]], dim=1)
        running = [torch.einsum("cd,bdhw->bchw", kernel, magnitudes) for kernel in self.kernels]
        straight, diagonal = torch.zeros_like(capped), torch.zeros_like(capped)
        for k in range(1, PHASES):
            known = capped * (phase < k)
            straight = straight + _straight(known) * (phase == k)
            diagonal = diagonal + _diagonal(known) * (phase == k)
        around = [_straight(sums) for sums in running]
        return [torch.ones_like(capped), *running, *around, straight, diagonal], magnitudes


def _straight(x: Tensor) -> Tensor:
    """The sum of the four straight neighbours."""
    x = _padded(x)
    return x[..., :-2, 1:-1] + x[..., 2:, 1:-1] + x[..., 1:-1, :-2] + x[..., 1:-1, 2:]


def _diagonal(x: Tensor) -> Tensor:
    """The sum of the four diagonal neighbours."""
    x = _padded(x)
    return x[..., :-2, :-2] + x[..., 2:, 2:] + x[..., :-2, 2:] + x[..., 2:, :-2]


def _padded(x: Tensor) -> Tensor:
    """One more row and column on each side: mirrored, which keeps the parity; zero if there is nothing to mirror."""
    rows, columns = x.shape[-2:]
    if min(rows, columns) > 1:
        return F.pad(x, (1, 1, 1, 1), mode="reflect")
    x = F.pad(x, (1, 1, 0, 0), mode="reflect" if columns > 1 else "constant")
    return F.pad(x, (0, 0, 1, 1), mode="reflect" if rows > 1 else "constant")
