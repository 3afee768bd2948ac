"""The codec's objective on a network of a few hundred weights."""

import dataclasses
import math
import signal

from torch import Tensor

from lic.tools.training.objective import Forward, Moment
from lic.tools.training.rate_distortion import RateDistortion


@dataclasses.dataclass(frozen=True)
class Tiny(RateDistortion):
    """Stops, or gets NaN in its data, at chosen steps."""

    lambdas: tuple[float, ...] = (0.01, 0.04)
    n: int = 4
    m: int = 6
    stop_at: int = -1
    nan_at: tuple[int, ...] = ()

    def loss(self, net: Forward, x: Tensor, draws: tuple[Tensor, ...], now: Moment) -> tuple[Tensor, dict[str, Tensor]]:
        if now.step == self.stop_at:
            signal.raise_signal(signal.SIGTERM)
        if now.step in self.nan_at:
            x = x * math.nan
        return super().loss(net, x, draws, now)
