"""The layers of a network as a value: kind and sizes, stored with every model.

An architecture lists the layers of the analysis and of the synthesis (`layers.py`). `transforms.py` builds torch
modules from the list, `expectation.py` those of the predictors, which some architectures have; everything else that
depends on the layers is computed from it here: the shapes of all tensors, the reach of a latent or a pixel in its
surroundings, and the number of multiplications. Nothing here imports torch, so files can be checked without it.

A new architecture is a function in `KINDS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from lic.models.constants import DOWNSAMPLING, PHASES
from lic.models.layers import Convolution, Layers, Normalisation, Own, Predictor, Residual, Shape, SubPixel

MAX_WIDTH = 2**12  # of channels; codec/core relies on it
TILE = 4  # outputs of a 3x3 convolution in each direction that are computed together
PREVIEW = 4  # a preview has a pixel for so many by so many of the picture


class Layout(NamedTuple):
    """The parts of a network."""

    analysis: Layers
    synthesis: Layers
    predictors: tuple[Predictor, ...] = ()  # for the phases from 1 on; none if there is one phase


def balle2017(n: int, m: int) -> Layout:
    """Balle, Laparra and Simoncelli (2017), with a sub-pixel decoder.

        analysis    x -> conv 9x9 /4 -> GDN  -> conv 5x5 /2 -> GDN  -> conv 5x5 /2 -> y
        synthesis   y -> conv 3x3 *2 -> IGDN -> conv 3x3 *2 -> IGDN -> conv 3x3 *4 -> x

    where /s is a stride and *r a sub-pixel convolution (the lectures' deconvolution).
    """
    analysis = (
        Convolution(3, n, 9, stride=4),
        Normalisation(n),
        Convolution(n, n, 5, stride=2),
        Normalisation(n),
        Convolution(n, m, 5, stride=2),
    )
    synthesis = (
        SubPixel(m, n, 3, r=2),
        Normalisation(n, inverse=True),
        SubPixel(n, n, 3, r=2),
        Normalisation(n, inverse=True),
        SubPixel(n, 3, 3, r=4),
    )
    return Layout(analysis, synthesis)


def residual(n: int, m: int) -> Layout:
    """The same with residual bottlenecks at 1/4, 1/8 and 1/16 of the picture's size, and expected latents."""
    (down4, gdn4, down8, gdn8, down16), (up8, igdn8, up4, igdn4, up1), _ = balle2017(n, m)
    analysis = (
        *(down4, gdn4, Residual(n, _share(n, 1, 2))),
        *(down8, gdn8, *[Residual(n, _share(n, 3, 4))] * 4),
        *(down16, *[Residual(m, _share(m, 3, 5))] * 4),
    )
    synthesis = (
        *[Residual(m, _share(m, 2, 5))] * 3,
        *(up8, igdn8, *[Residual(n, _share(n, 1, 2))] * 2),
        *(up4, igdn4, up1),
    )
    return Layout(analysis, synthesis, (Predictor(m, _share(n, 3, 4)),) * (PHASES - 1))


def _share(channels: int, part: int, of: int) -> int:
    return max(1, channels * part // of)


KINDS: dict[str, Callable[[int, int], Layout]] = {"balle2017": balle2017, "residual": residual}


class UnknownArchitecture(ValueError):
    """There is no architecture of that kind in this version."""


@dataclass(frozen=True)
class Architecture:
    """A network's kind, its `n` channels inside the transforms and its `m` channels of latents.

    >>> Architecture("balle2017", 128, 320).decoding_macs
    19712.0
    >>> Architecture("balle2017", 128, 320).decoding_reach
    8
    """

    kind: str = "balle2017"
    n: int = 128
    m: int = 320

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UnknownArchitecture(
                f"the network is of an unknown kind, {self.kind!r}: install a newer lic, or name its module in"
                " LIC_PARTS"
            )
        if not all(type(size) is int and 1 <= size <= MAX_WIDTH for size in (self.n, self.m)):
            raise ValueError(f"no network has {self.n!r} channels and {self.m!r} latents")

    @classmethod
    def of_card(cls, card: dict[str, Any]) -> "Architecture":
        """The architecture in a model's card."""
        return cls(**card["network"])

    @property
    def layout(self) -> Layout:
        return KINDS[self.kind](self.n, self.m)

    @property
    def analysis(self) -> Layers:
        return self.layout.analysis

    @property
    def synthesis(self) -> Layers:
        return self.layout.synthesis

    @property
    def predictors(self) -> tuple[Predictor, ...]:
        return self.layout.predictors

    @property
    def is_own(self) -> bool:
        """Whether it has layers of one's own, whose shapes are unknown here: only torch runs them."""
        return any(isinstance(layer, Own) for layer in (*self.analysis, *self.synthesis))

    @property
    def quick_look(self) -> Convolution:
        """The convolution of a quick look (see second_look.py), which has no bias: a block, and 4 pixels around it."""
        return Convolution(3, self.m, DOWNSAMPLING + 8, stride=DOWNSAMPLING)

    @property
    def preview(self) -> Layers:
        """A small network from restored latents to a picture of 1 / PREVIEW of the width and height."""
        r = DOWNSAMPLING // PREVIEW
        return Residual(self.m, _share(self.n, 1, 2)), SubPixel(self.m, 3, 3, r)

    @property
    def extra_tensors(self) -> dict[str, dict[str, Shape]]:
        """The tensors of optional networks, on which the meaning of files does not depend."""
        layers = {f"preview.{i}.{name}": s for i, layer in enumerate(self.preview) for name, s in layer.tensors.items()}
        return {
            "preview": layers,
            "quick_look": {"analysis.quick_look.weight": self.quick_look.tensors["weight"]},
        }

    @property
    def phases(self) -> int:
        """The number of phases in which latents are restored."""
        return 1 + len(self.predictors)

    @property
    def tensors(self) -> dict[str, Shape]:
        """The name and shape of every tensor of the transforms and the predictors."""
        return {
            f"{part}.{i}.{name}": shape
            for part, layers in self.layout._asdict().items()
            for i, layer in enumerate(layers)
            for name, shape in layer.tensors.items()
        }

    @property
    def latent_tensors(self) -> tuple[list[str], list[str]]:
        """The tensors whose first dimension counts latent channels, and those whose second one does."""
        outputs: list[str] = []
        inputs: list[str] = []
        for side, layers in {"analysis": self.analysis, "synthesis": self.synthesis}.items():
            pixels = 1 if side == "analysis" else DOWNSAMPLING
            for i, layer in enumerate(layers):
                before, pixels = pixels, layer.scaled(pixels)
                name = f"{side}.{i}"
                if before == pixels == DOWNSAMPLING:  # latents in, latents out
                    if not isinstance(layer, Residual):
                        raise TypeError(f"no way is known to reorder the latents in {layer!r}")
                    outputs += [f"{name}.expand.weight", f"{name}.expand.bias"]
                    inputs.append(f"{name}.reduce.weight")
                elif pixels == DOWNSAMPLING:
                    outputs += [f"{name}.weight", f"{name}.bias"]
                elif before == DOWNSAMPLING:
                    inputs.append(f"{name}.weight")
        for i in range(len(self.predictors)):
            outputs += [f"predictors.{i}.expand.weight", f"predictors.{i}.expand.bias"]
            inputs.append(f"predictors.{i}.reduce.weight")
        return outputs, inputs

    @property
    def decoding_reach(self) -> int:
        """How many symbols around a block's own have to be known for the block's pixels.

        3x3 convolutions are computed by tiles (codec/FORMAT.md, section 4): each needs up to TILE cells on each side.
        The filter behind the synthesis, if a model has one, needs TILE pixels.
        """
        return self._reach(self.synthesis, TILE)

    @property
    def preview_reach(self) -> int:
        """The same for a block's part of the preview."""
        return self._reach(self.preview)

    def _reach(self, layers: Layers, pixels_around: int = 0) -> int:
        reach = TILE * DOWNSAMPLING * len(self.predictors) + pixels_around
        pixels = DOWNSAMPLING
        for layer in layers:
            reach += max(TILE, layer.radius) * pixels * (layer.radius > 0)
            pixels = layer.scaled(pixels)
        return -(-reach // DOWNSAMPLING)

    @property
    def encoding_macs(self) -> float:
        """Multiplications per pixel of the analysis and the predictors."""
        return _macs(self.analysis, 1) + self._restoration_macs

    @property
    def decoding_macs(self) -> float:
        """Multiplications per pixel of the synthesis and the predictors."""
        return _macs(self.synthesis, DOWNSAMPLING) + self._restoration_macs

    @property
    def _restoration_macs(self) -> float:
        return sum(predictor.bottleneck.macs for predictor in self.predictors) / DOWNSAMPLING**2


def _macs(layers: Layers, pixels: int) -> float:
    total = 0.0
    for layer in layers:
        total += layer.macs / pixels**2
        pixels = layer.scaled(pixels)
    return total
