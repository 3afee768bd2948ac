"""The distortions that a codec can be trained for."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from torch import Tensor, nn

from lic.models.distortion import ms_ssim, mse
from lic.tools.own_parts import find_part, is_own
from lic.tools.training.choices import MS_SSIM_SCALE
from lic.tools.usage import BadOptions

USUAL_LAMBDA = 0.016  # of MSE
MS_SSIM_CROP = 176  # five scales of an 11x11 window need more than 160 pixels
MSE_SHARE = 0.025  # of the MSE's lambda, beside MS-SSIM: it keeps the finest detail, which MS-SSIM hardly sees


class Distortion(NamedTuple):
    """A number for each picture, from the decoded and the original pictures (B x 3 x H x W in 0..1)."""

    of: Callable[[Tensor, Tensor], Tensor]
    scale: float | None  # its lambdas are so many times those of MSE, at about the same rate; None if that is unknown
    smallest: int = 1  # side of a picture


DISTORTIONS = {
    "mse": Distortion(mse, 1.0),
    "ms-ssim": Distortion(lambda y, x: 1 - ms_ssim(y, x), MS_SSIM_SCALE, MS_SSIM_CROP),
    "ms-ssim+mse": Distortion(
        lambda y, x: 1 - ms_ssim(y, x) + MSE_SHARE / MS_SSIM_SCALE * mse(y, x), MS_SSIM_SCALE, MS_SSIM_CROP
    ),
}


@lru_cache
def get_distortion(name: str) -> Distortion:
    """A distortion by name; of one's own as `module:function`, whose attributes may be `scale` and `smallest`.

    >>> get_distortion("mse").scale
    1.0
    """
    if name in DISTORTIONS:
        return DISTORTIONS[name]
    if not is_own(name, "distortions"):
        known = ", ".join(DISTORTIONS)
        raise BadOptions(f"there is no `distortion` {name}: choose {known}, or a function of your own, module:function")
    function = find_part(name, "distortions")

    def of(y: Tensor, x: Tensor) -> Tensor:
        if isinstance(function, nn.Module):
            function.to(x.device)
        distances: Tensor = function(y, x)
        if distances.numel() != len(x):
            shape = tuple(distances.shape)
            raise BadOptions(f"{name} returned the shape {shape} for {len(x)} pictures: return a number for each")
        return distances.float().reshape(len(x))

    return Distortion(of, getattr(function, "scale", None), getattr(function, "smallest", 1))


def as_of_mse(lambdas: Sequence[float], name: str) -> list[float]:
    """The lambdas of MSE with about the rate of these; where that is unknown, around those that are usual.

    >>> as_of_mse([1.0, 4.0], "math:dist")
    [0.008, 0.032]
    """
    if not is_own(name, "distortions") or get_distortion(name).scale is not None:
        return converted(lambdas, name, "mse")
    middle = math.exp(sum(map(math.log, lambdas)) / len(lambdas))
    return [round(value / middle * USUAL_LAMBDA, 9) for value in lambdas]


def converted(lambdas: Sequence[float], before: str, after: str) -> list[float]:
    """The lambdas of one distortion with about the rate of those of another.

    >>> converted([12.5], "ms-ssim", "mse")
    [0.01]
    """
    if before == after:
        return list(lambdas)
    scales = [get_distortion(name).scale for name in (before, after)]
    for name, scale in zip((before, after), scales, strict=True):
        if scale is None:
            raise BadOptions(f"which lambdas {name} needs is unknown: give `lambdas`, or give it an attribute scale")
    return [value * scales[1] / scales[0] for value in lambdas]  # type: ignore[operator]
