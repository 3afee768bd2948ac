"""A piecewise-linear probability density per channel, and its exact piecewise-quadratic integral.

All channels share one layout of knots, in units of the channel's `unit`: evenly spaced near zero, then
logarithmically, so that 73 heights describe a density from its peak to tails a thousand units away.

    p(u) = h_i + (h_{i+1} - h_i) (u - k_i) / w_i                     k_i <= u <= k_{i+1} = k_i + w_i
    F(u) = H_i + h_i (u - k_i) + (h_{i+1} - h_i) (u - k_i)^2 / 2 w_i

Outside the outermost knots the density is zero. `probability` never returns less than `MIN_PROBABILITY`,
the probability of the coder's escape for values outside the density.
"""

import torch
from torch import Tensor, nn

from lic.models.constants import KNOTS
from lic.models.gdn import lower_bound

MIN_PROBABILITY = 2.0**-24


class PiecewiseLinearDensity(nn.Module):
    """One density per channel over values y (B x C x ...), with heights as exponentials.

    >>> density = PiecewiseLinearDensity(2)
    >>> y = torch.zeros(1, 2, 4)
    >>> bits = -density.probability(y - 0.5, y + 0.5).log2()
    """

    knots: Tensor
    unit: Tensor

    UNITS_PER_DEVIATION = 16

    def __init__(self, channels: int, deviation: float = 1.0) -> None:
        super().__init__()
        knots = torch.tensor(KNOTS, dtype=torch.float32)
        self.register_buffer("knots", knots, persistent=False)
        self.register_buffer("unit", torch.full((channels,), deviation / self.UNITS_PER_DEVIATION))
        laplace = -(2**0.5) * knots.abs() / self.UNITS_PER_DEVIATION
        self.log_heights = nn.Parameter(laplace.clamp(min=-40).repeat(channels, 1))

    @property
    def tent_areas(self) -> Tensor:
        """The area under the unit tent of each knot; p is a sum of tents times their heights."""
        widths = self.knots.diff()
        zero = widths.new_zeros(1)
        return (torch.cat([zero, widths]) + torch.cat([widths, zero])) / 2

    def heights(self) -> Tensor:
        """Heights at the knots (C x K), normalised so that each channel integrates to one over u."""
        heights = (self.log_heights - self.log_heights.detach().amax(1, keepdim=True)).exp()
        # Not a matrix product, which autocast would compute in bfloat16.
        return heights / (heights * self.tent_areas).sum(1, keepdim=True)

    def _segments(self, y: Tensor, unit: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values as C x n in knot units, the segment that each lies in, and where in it (0..width)."""
        u = y.transpose(0, 1).flatten(1) / unit[:, None]
        u = u.clamp(self.knots[0], self.knots[-1]).contiguous()
        i = torch.bucketize(u.detach(), self.knots[1:-1], right=True)
        return u, i, u - self.knots[i]

    @staticmethod
    def _restore(values: Tensor, like: Tensor) -> Tensor:
        return values.reshape(like.transpose(0, 1).shape).transpose(0, 1)

    def pdf(self, y: Tensor) -> Tensor:
        """Density at y, per unit of y."""
        heights = self.heights()
        u, i, t = self._segments(y, self.unit)
        slopes = heights.diff(dim=1) / self.knots.diff()
        p = heights.gather(1, i) + slopes.gather(1, i) * t
        inside = (y.transpose(0, 1).flatten(1) / self.unit[:, None]) == u
        return self._restore(p * inside / self.unit[:, None], y)

    def cdf(self, y: Tensor, rows: Tensor | None = None) -> Tensor:
        """F(y): probability of a value below y. `rows`: the density of each channel of y, if not those in order."""
        heights, unit = self.heights(), self.unit
        if rows is not None:
            heights, unit = heights.index_select(0, rows), unit.index_select(0, rows)
        widths = self.knots.diff()
        areas = (heights[:, 1:] + heights[:, :-1]) * widths / 2
        below = torch.cat([areas.new_zeros(len(areas), 1), areas.cumsum(1)], dim=1)
        _, i, t = self._segments(y, unit)
        slopes = heights.diff(dim=1) / widths
        f = below.gather(1, i) + t * (heights.gather(1, i) + slopes.gather(1, i) * (t / 2))
        return self._restore(f, y)

    def probability(self, lower: Tensor, upper: Tensor, rows: Tensor | None = None) -> Tensor:
        """Probability of the interval, at least `MIN_PROBABILITY`; `rows` as for `cdf`."""
        low, high = self.cdf(torch.cat([lower, upper]), rows).chunk(2)
        return lower_bound(high - low, MIN_PROBABILITY)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n values per channel (n x C), by inverting the piecewise-quadratic F."""
        heights, widths = self.heights(), self.knots.diff()
        areas = (heights[:, 1:] + heights[:, :-1]) * widths / 2
        below = torch.cat([areas.new_zeros(len(areas), 1), areas.cumsum(1)], dim=1)
        p = torch.rand(len(heights), n, generator=generator, device=heights.device) * below[:, -1:]
        i = (torch.searchsorted(below, p, right=True) - 1).clamp(0, len(widths) - 1)
        rest = p - below.gather(1, i)
        h = heights.gather(1, i)
        slope = (heights.diff(dim=1) / widths).gather(1, i)
        # Root of slope t^2 / 2 + h t = rest, in a form that is also valid for slope 0.
        t = 2 * rest / (h + (h * h + 2 * slope * rest).clamp(min=0).sqrt()).clamp(min=1e-30)
        u = self.knots[i] + torch.minimum(t, widths[i])
        return (u * self.unit[:, None]).T

    @torch.no_grad()
    def rescale(self, y: Tensor) -> None:
        """Set each channel's unit by the deviation of y, and reset its heights to a Laplacian."""
        deviation = y.transpose(0, 1).flatten(1).std(dim=1).clamp(min=1e-4)
        self.unit.copy_(deviation / self.UNITS_PER_DEVIATION)
        laplace = -(2**0.5) * self.knots.abs() / self.UNITS_PER_DEVIATION
        self.log_heights.copy_(laplace.clamp(min=-40).expand_as(self.log_heights))

    @torch.no_grad()
    def fit(self, y: Tensor, iterations: int = 20, prior: float = 0.01, counts: Tensor | None = None) -> None:
        """Maximum-likelihood heights for samples y, by EM.

        p is a mixture of tents, one per knot. E step: each sample divides its responsibility between the two
        tents around it, in proportion to their heights at the sample. M step: a tent's height is its fraction
        of the responsibilities over its area. The `prior` (a number of samples, distributed like the present
        density) keeps knots without samples above zero. `counts` (channels x samples) weights the samples.
        """
        u, i, t = self._segments(y, self.unit)
        seen = torch.ones_like(u) if counts is None else counts
        # The tents of the knots left and right of a sample, at the sample.
        right = t / self.knots.diff()[i]
        start = self.heights()
        heights = start
        for _ in range(iterations):
            a = heights.gather(1, i) * (1 - right)
            b = heights.gather(1, i + 1) * right
            share = a / (a + b).clamp(min=1e-30)
            mass = prior * start * self.tent_areas
            mass = mass.scatter_add(1, i, seen * share).scatter_add(1, i + 1, seen * (1 - share))
            heights = mass / mass.sum(1, keepdim=True) / self.tent_areas
        self.log_heights.copy_(heights.clamp(min=1e-20).log())
