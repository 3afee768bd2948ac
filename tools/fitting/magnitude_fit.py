"""Learning the weights of the contexts: the expected magnitude of each symbol, given those before it.

    mu = m_c (sum_i w_i f_i / mean f_i + sum_d e_d |n_d| / m_d)
    P(n) = F((n - v + 1/2) / mu) - F((n - v - 1/2) / mu)

with f the FEATURES of codec/entropy/contexts.py, d the channels of earlier blocks, m the mean magnitude of a channel,
v the predicted value, and F the integral of a piecewise-linear density per channel. Least squares would find similar
weights at once, but Adam on the code length itself finds better ones: the difference is 2 to 3 % of all bits.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from lic.codec.entropy.contexts import (
    BLOCK,
    FEATURES,
    FORGET,
    MAGNITUDE_CAP,
    PREDICTED_CHANNELS,
    WEIGHT_BITS,
    earlier_block,
    earlier_size,
)
from lic.codec.entropy.tables import Ints
from lic.models.density import PiecewiseLinearDensity

PASSES = 3
PLACES_PER_STEP = 2000
START = (0.1, 0.2, 0.2, 0.05, 0.1, 0.1, 0.05, 0.2)  # of the FEATURES in mu, before the first step
WEIGHT_RATE, HEIGHT_RATE = 4e-3, 1e-2  # learning rates
MIN_MAGNITUDE = 2.0**-10


def _straight(x: Tensor) -> Tensor:
    """The sum of the four straight neighbours, mirrored at the edges (replicated where mirroring is impossible)."""
    x = _padded(x)
    return x[..., :-2, 1:-1] + x[..., 2:, 1:-1] + x[..., 1:-1, :-2] + x[..., 1:-1, 2:]


def _diagonal(x: Tensor) -> Tensor:
    x = _padded(x)
    return x[..., :-2, :-2] + x[..., 2:, 2:] + x[..., :-2, 2:] + x[..., 2:, :-2]


def _padded(x: Tensor) -> Tensor:
    mode = "reflect" if min(x.shape[-2:]) > 1 else "replicate"
    return F.pad(x.flatten(0, -4), (1, 1, 1, 1), mode=mode).unflatten(0, x.shape[:-3])


class ExpectedMagnitudes(nn.Module):
    """mu of every symbol: the differentiable counterpart of `ContextState.estimate`.

    Lambda points are fitted one after another, each starting from the weights of the one before. Channels that a
    point does not use are ignored.
    """

    def __init__(self, channels: int, features: Sequence[int], earlier: bool) -> None:
        """`features` are the numbers of the FEATURES in use; `earlier` says whether to use earlier blocks, too."""
        super().__init__()
        self.channels = channels
        self.shares = nn.Parameter(torch.tensor(START).repeat(channels, PASSES, 1))  # w
        self.earlier = nn.Parameter(torch.zeros(2, channels, channels))  # e
        self.log_heights = PiecewiseLinearDensity(channels).log_heights.detach()
        self.counts = torch.zeros(FEATURES).index_fill(0, torch.tensor(features), 1.0)
        index = torch.arange(channels)
        between = index[:, None] - index - 1  # the channels that lie between two
        kept = [1 - 2.0**-shift for shift in FORGET] + [1.0]
        self.kernels = torch.stack([k ** between.clamp(min=0) * (between >= 0) for k in kept])
        self.reach = (index < index[:, None] // BLOCK * BLOCK) & earlier

    def fit(self, values: Tensor, residuals: Tensor, steps: int) -> None:
        """Learn from symbols (chunks x channels x rows x columns) and their prediction residuals."""
        self._measure(values, residuals)
        used = values.shape[1]
        shape = PiecewiseLinearDensity(used, deviation=2**0.5)  # of a Laplacian whose mean magnitude is 1
        shape.load_state_dict(shape.state_dict() | {"log_heights": self.log_heights[:used]})
        weights, heights = [self.shares, self.earlier], list(shape.parameters())
        groups = [{"params": weights, "rate": WEIGHT_RATE}, {"params": heights, "rate": HEIGHT_RATE}]
        optimizer = torch.optim.Adam(groups, lr=0.0)
        batch = max(1, PLACES_PER_STEP // values[0, 0].numel())
        generator = torch.Generator().manual_seed(0)
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * (1 - step / steps)
            chosen = torch.randint(len(values), (batch,), generator=generator)
            mu = self(values[chosen])
            low, high = (residuals[chosen] - 0.5) / mu, (residuals[chosen] + 0.5) / mu
            loss = -shape.probability(low, high).log2().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        self.log_heights[:used] = shape.log_heights.detach()

    def forward(self, values: Tensor) -> Tensor:
        """mu of symbols (chunks x channels x rows x columns)."""
        used = values.shape[1]
        features, magnitudes = self._features(values)
        features = features / self.feature_means[:, None, :used, None, None]
        magnitudes = magnitudes / self.magnitude_means[:used, None, None]
        odd, number = _pass_numbers(values)
        shares = self.shares[torch.arange(used)[:, None, None], number].permute(3, 0, 1, 2)
        weights = (self.earlier * self.reach)[:, :used, :used]
        first, second = torch.einsum("pcd,bdhw->pbchw", weights, magnitudes)
        mu = ((shares * self.counts[:, None, None, None])[:, None] * features).sum(0) + torch.where(odd, second, first)
        return (mu * self.scale[:used, None, None]).clamp(min=MIN_MAGNITUDE)

    @torch.no_grad()
    def weights(self) -> Ints:
        """w in the codec's integers: channels x passes x FEATURES."""
        exact = self.shares * self.counts * (self.scale / self.feature_means).T[:, None]
        return np.round(exact.numpy() * 2.0**WEIGHT_BITS).astype(np.int64)

    @torch.no_grad()
    def earlier_weights(self) -> NDArray[np.int16]:
        """e in the codec's integers, packed."""
        exact = self.earlier * self.reach * self.scale[:, None] / self.magnitude_means
        most = 2**15 - 1
        integers = np.round(exact.numpy() * 2.0**WEIGHT_BITS).clip(-most, most).astype(np.int16)
        packed = np.zeros(earlier_size(self.channels), np.int16)
        for start in range(BLOCK, self.channels, BLOCK):
            earlier_block(packed, self.channels, start)[:] = integers[:, start : start + BLOCK, :start]
        return packed

    def _measure(self, values: Tensor, residuals: Tensor) -> None:
        """Measure the means that normalise the weights; those of unused channels do not matter."""
        self.scale, self.magnitude_means = torch.ones(2, self.channels)
        self.feature_means = torch.ones(FEATURES, self.channels)
        total = torch.zeros(FEATURES, values.shape[1])
        magnitude = torch.zeros(values.shape[1])
        for part in values.split(8):
            features, magnitudes = self._features(part)
            total += features.sum(dim=(1, 3, 4))
            magnitude += magnitudes.sum(dim=(0, 2, 3))
        used, count = values.shape[1], values[:, 0].numel()
        self.feature_means[:, :used] = (total / count).clamp(min=1e-3)
        self.magnitude_means[:used] = (magnitude / count).clamp(min=1e-3)
        self.scale[:used] = residuals.abs().mean(dim=(0, 2, 3)).clamp(min=1e-3)

    def _features(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """f (FEATURES x B x channels x rows x columns), and the magnitudes that they sum."""
        used = values.shape[1]
        odd, number = _pass_numbers(values)
        first, rest = values[:, :PREDICTED_CHANNELS], values[:, PREDICTED_CHANNELS:]
        detail = torch.cat([first - torch.floor(_straight(first) / 4), rest], dim=1)
        magnitudes = detail.abs().clamp(max=MAGNITUDE_CAP)
        sums = torch.einsum("icd,bdhw->ibchw", self.kernels[:, :used, :used], magnitudes)
        capped = values.abs().clamp(max=MAGNITUDE_CAP)
        inside = _straight(capped) * odd + _diagonal(capped) * ((number == 1) & ~odd)
        return torch.cat([torch.ones_like(sums[:1]), sums, _straight(sums), inside[None]]), magnitudes


def _pass_numbers(values: Tensor) -> tuple[Tensor, Tensor]:
    """A mask of the checkerboard half that is coded last, and the number of each symbol's pass (channels x ...)."""
    y, x = torch.arange(values.shape[2])[:, None], torch.arange(values.shape[3])
    odd = (y + x) % 2 == 1
    predicted = (torch.arange(values.shape[1]) < PREDICTED_CHANNELS)[:, None, None]
    return odd, torch.where(predicted, torch.where(odd, 2, y % 2), odd.long())
