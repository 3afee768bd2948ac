"""The layers of networks as values, with the shapes of their tensors and the number of their multiplications.

`transforms.py` has their torch modules, codec/transform/numpy_engine.py and codec/core their arithmetic in decoding. A
new layer is a class here and a module there, or any module of one's own, as an `Own`. Nothing here imports torch.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

Shape = tuple[int, ...]


class Convolution(NamedTuple):
    """A convolution with zero padding of half its kernel."""

    inputs: int
    outputs: int
    kernel: int
    stride: int = 1

    @property
    def tensors(self) -> dict[str, Shape]:
        return {"weight": (self.outputs, self.inputs, self.kernel, self.kernel), "bias": (self.outputs,)}

    @property
    def radius(self) -> int:
        """How many input samples on each side an output depends on."""
        return self.kernel // 2

    @property
    def macs(self) -> float:
        """Multiplications per input sample (of one channel)."""
        return self.outputs * self.inputs * self.kernel**2 / self.stride**2

    def scaled(self, pixels: int) -> int:
        """Pixels per output sample, in each direction, given those per input sample."""
        return pixels * self.stride


class SubPixel(NamedTuple):
    """A convolution to r * r times the channels, which are then rearranged to an r times finer grid."""

    inputs: int
    outputs: int
    kernel: int
    r: int

    @property
    def tensors(self) -> dict[str, Shape]:
        outputs = self.outputs * self.r**2
        return {"weight": (outputs, self.inputs, self.kernel, self.kernel), "bias": (outputs,)}

    @property
    def radius(self) -> int:
        return self.kernel // 2

    @property
    def macs(self) -> float:
        return self.outputs * self.r**2 * self.inputs * self.kernel**2

    def scaled(self, pixels: int) -> int:
        return pixels // self.r


class Normalisation(NamedTuple):
    """GDN, or its inverse."""

    channels: int
    inverse: bool = False

    @property
    def tensors(self) -> dict[str, Shape]:
        return {"beta_root": (self.channels,), "gamma_root": (self.channels, self.channels)}

    @property
    def radius(self) -> int:
        return 0

    @property
    def macs(self) -> float:
        return self.channels**2

    def scaled(self, pixels: int) -> int:
        return pixels


class Residual(NamedTuple):
    """A residual bottleneck: x + 1x1(relu(3x3(relu(1x1(x))))), `width` channels wide inside."""

    channels: int
    width: int

    @property
    def parts(self) -> dict[str, Convolution]:
        c, w = self.channels, self.width
        return {"reduce": Convolution(c, w, 1), "mix": Convolution(w, w, 3), "expand": Convolution(w, c, 1)}

    @property
    def tensors(self) -> dict[str, Shape]:
        return {f"{part}.{name}": s for part, layer in self.parts.items() for name, s in layer.tensors.items()}

    @property
    def radius(self) -> int:
        return sum(layer.radius for layer in self.parts.values())

    @property
    def macs(self) -> float:
        return sum(layer.macs for layer in self.parts.values())

    def scaled(self, pixels: int) -> int:
        return pixels


class Predictor(NamedTuple):
    """Predicts the latents of a phase from those of earlier phases: a bottleneck with biases per block position."""

    channels: int
    width: int

    @property
    def bottleneck(self) -> Residual:
        return Residual(self.channels, self.width)

    @property
    def tensors(self) -> dict[str, Shape]:
        return self.bottleneck.tensors | {"place": (self.width, 2, 2)}


class Own(NamedTuple):
    """A layer of one's own: `module(*sizes)`, any torch module. Only torch computes it.

    An output depends on `radius` input samples on each side. Sides become `down` times shorter and `up` times longer.
    """

    module: Callable[..., Any]
    sizes: tuple[int, ...]
    radius: int
    down: int = 1
    up: int = 1
    macs: float = 0.0  # per input sample

    @property
    def tensors(self) -> dict[str, Shape]:
        return _tensors_of(self)

    def scaled(self, pixels: int) -> int:
        return pixels * self.down // self.up


@lru_cache
def _tensors_of(layer: Own) -> dict[str, Shape]:
    return {name: tuple(tensor.shape) for name, tensor in layer.module(*layer.sizes).state_dict().items()}


Layer = Convolution | SubPixel | Normalisation | Residual | Own
Layers = tuple[Layer, ...]
