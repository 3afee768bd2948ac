"""The rate under contexts, differentiable: what the codec does in integers when it codes, for training.

A symbol's magnitude is expected from what is coded before it, and its probability is that of a density shape
stretched by the expected magnitude:

    mu = w_0 + sum_i w_i f_i              f: sums of magnitudes in the channels before and in the channel itself
    P(n) = G((n - v + 1/2) / mu) - G((n - v - 1/2) / mu)

with v the value expected from the neighbours (in the first channels only), and G the integral of a piecewise-linear
density per channel. Training through mu lets the transform know that magnitudes which announce each other are cheap.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.density import PiecewiseLinearDensity

PREDICTED_CHANNELS = 8
MAGNITUDE_CAP = 15.0
FORGET = (0.5, 0.125, 0.0)  # what each running sum over the channels forgets per channel
STRAIGHT = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
MIN_MAGNITUDE = 0.02


def neighbour_sum(x: Tensor) -> Tensor:
    """The sum of the four neighbours of each place, mirrored at the edges (replicated where there is no room)."""
    mode = "reflect" if min(x.shape[2:]) > 1 else "replicate"
    x = F.pad(x, (1, 1, 1, 1), mode=mode)
    return x[:, :, :-2, 1:-1] + x[:, :, 2:, 1:-1] + x[:, :, 1:-1, :-2] + x[:, :, 1:-1, 2:]


def checkerboard(x: Tensor) -> Tensor:
    """1 where the second pass codes, 0 where the first does (h x w)."""
    rows, columns = (torch.arange(side, device=x.device) for side in x.shape[2:])
    return ((rows[:, None] + columns) % 2).to(x.dtype)


class ContextualDensity(nn.Module):
    """Bits of symbols (B x M x h x w) that are coded channel by channel, each in two passes of a checkerboard.

    >>> density = ContextualDensity(channels=12, points=2)
    >>> density.bits(torch.randn(3, 12, 4, 4), torch.tensor([0, 1, 1])).shape
    torch.Size([3, 12, 4, 4])
    """

    kernels: Tensor

    def __init__(self, channels: int, points: int) -> None:
        super().__init__()
        distance = torch.arange(channels)[:, None] - torch.arange(channels) - 1
        kernels = [(1 - f) ** distance.clamp(min=0) * (distance >= 0) for f in FORGET]
        self.register_buffer("kernels", torch.stack(kernels), persistent=False)
        # Starts near what least squares finds for a trained transform.
        self.log_constant = nn.Parameter(torch.full((points, channels), 0.05).log())
        self.log_place = nn.Parameter(torch.tensor([0.02, 0.02, 0.001]).log().repeat(points, channels, 1))
        self.log_around = nn.Parameter(torch.tensor([0.005, 0.005, 0.0003]).log().repeat(points, channels, 1))
        self.log_inside = nn.Parameter(torch.full((points, channels), 0.05).log())
        self.log_outside = nn.Parameter(torch.full((points, channels), 0.7).log())  # what the second pass keeps of it
        self.prediction = nn.Parameter(torch.zeros(points, PREDICTED_CHANNELS))
        # A Laplacian with mean magnitude 1 has the deviation sqrt(2).
        self.shape = PiecewiseLinearDensity(channels, deviation=2**0.5)

    def predict(self, symbols: Tensor, point: Tensor) -> Tensor:
        """The value expected from the neighbours, in the first channels and the second pass."""
        first = symbols[:, :PREDICTED_CHANNELS]
        count = first.shape[1]
        weight = self.prediction[point, :count, None, None]
        expected = weight * neighbour_sum(first) / 4 * checkerboard(symbols)
        return F.pad(expected, (0, 0, 0, 0, 0, symbols.shape[1] - count))

    def expected_magnitude(self, symbols: Tensor, point: Tensor) -> Tensor:
        """mu for every symbol, from the symbols that are coded before it."""
        level = symbols.clone()
        level[:, :PREDICTED_CHANNELS] -= neighbour_sum(symbols[:, :PREDICTED_CHANNELS]) / 4
        magnitude = level.abs().clamp(max=MAGNITUDE_CAP)
        place, around = self.log_place[point].exp(), self.log_around[point].exp()
        at, near = torch.zeros_like(symbols), torch.zeros_like(symbols)
        for i, kernel in enumerate(self.kernels):
            total = torch.einsum("cd,bdhw->bchw", kernel, magnitude)
            at = at + place[:, :, i, None, None] * total
            near = near + around[:, :, i, None, None] * total
        constant, inside, keep = (
            log[point].exp()[:, :, None, None] for log in (self.log_constant, self.log_inside, self.log_outside)
        )
        outside = constant + at + neighbour_sum(near)
        with_inside = keep * outside + inside * neighbour_sum(symbols.abs().clamp(max=MAGNITUDE_CAP))
        return torch.where(checkerboard(symbols) > 0, with_inside, outside).clamp(min=MIN_MAGNITUDE)

    def bits(self, symbols: Tensor, point: Tensor) -> Tensor:
        """-log2 P of each (possibly noisy) symbol."""
        residual = symbols - self.predict(symbols, point)
        mu = self.expected_magnitude(symbols, point)
        return -self.shape.probability((residual - 0.5) / mu, (residual + 0.5) / mu).log2()
