"""Expected latents: later latents are predicted from earlier ones, and symbols code the difference.

Latents are restored in four phases. Block positions are numbered by the parity of their row and column (PLACES), and

    phase = (number - channel) mod 4

so that each phase contains a quarter of the channels at every block position, and every channel at a quarter of the
block positions. In phase 0 nothing is expected. For phase k = 1, 2, 3 a predictor sees the restored latents of the
phases before, and zeros for all others:

    E_k      = trust * 1x1(relu(3x3(relu(1x1(known) + bias(number)))))
    symbol   = round((y - E_k) gain)
    restored = inverse_gain symbol + E_k

with a trust for each lambda point and channel. E_k is floating point, so its last digits differ between machines. The
symbols do not: their tables depend on other symbols only, and all of them are decoded before the first is restored.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.models import architecture
from lic.models.constants import PHASES, PLACES


class PhasePredictor(nn.Module):
    """E_k without the trust; zero before training."""

    def __init__(self, sizes: architecture.Predictor) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(sizes.channels, sizes.width, 1)
        self.place = nn.Parameter(torch.zeros(sizes.width, 2, 2))  # biases: at each number other channels are known
        self.mix = nn.Conv2d(sizes.width, sizes.width, 3, padding=1)
        self.expand = nn.Conv2d(sizes.width, sizes.channels, 1)
        nn.init.zeros_(self.expand.weight)
        assert self.expand.bias is not None
        nn.init.zeros_(self.expand.bias)

    def forward(self, known: Tensor, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """`known` are the latents of earlier phases; `origin` is the row and column in the picture where they begin."""
        rows, columns = known.shape[2:]
        place = self.place.roll((-origin[0], -origin[1]), dims=(1, 2))
        place = place.repeat(1, (rows + 1) // 2, (columns + 1) // 2)[:, :rows, :columns]
        expected: Tensor = self.expand(F.relu(self.mix(F.relu(self.reduce(known) + place))))
        return expected


def phases(like: Tensor) -> Tensor:
    """The phase of each latent (M x H x W) of a batch.

    >>> phases(torch.zeros(1, 2, 2, 2)).tolist()
    [[[0, 2], [3, 1]], [[3, 1], [2, 0]]]
    """
    channels, rows, columns = like.shape[1:]
    channel = torch.arange(channels, device=like.device)
    phase = channel.new_empty(channels, rows, columns)
    for i, numbers in enumerate(PLACES):
        for j, number in enumerate(numbers):
            phase[:, i::2, j::2] = ((number - channel) % PHASES)[:, None, None]
    return phase
