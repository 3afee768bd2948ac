"""The transforms by ncnn: small to install, quick to start, and fast by Winograd's 3x3 convolutions.

The networks are written from the architecture's layers and the model's tensors: `apply` adds a layer to a network,
`apply_transposed` what takes slopes of some loss back through it.
"""

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.engine import ALL, Floats, begins, ends, means
from lic.codec.transform.ncnn_graph import Blob, Graph, Memory, Network
from lic.models.architecture import Convolution, Layer, Normalisation, Residual, SubPixel
from lic.models.constants import MID_GREY, MIN_BETA, PEDESTAL

Tensors = Mapping[str, Floats]  # of a layer
INPUT = "input"  # the name of the array that a transform takes


class LightEngine:
    """An `Engine` on the processor. Each network is loaded when it is first needed."""

    def __init__(self, model: FrozenModel, threads: int) -> None:
        self._model, self._architecture, self._threads = model, model.architecture, threads
        self._loading, self._memory = threading.Lock(), Memory()
        self._transforms: dict[tuple[str, int | None, int | None, int], Network] = {}

    def analyse(self, picture: Floats, layers: slice = ALL) -> Floats:
        planes = np.subtract(picture.transpose(2, 0, 1), np.float32(MID_GREY), order="C") if begins(layers) else picture
        latents, _ = self._transform("analysis", layers).run({INPUT: planes})
        return latents

    def synthesise(self, latents: Floats, layers: slice = ALL, reduce: int = 1) -> Floats:
        if not ends(layers, self._architecture.synthesis):
            return self._transform("synthesis", layers).run({INPUT: latents})[0]
        last = self._architecture.synthesis[-1]
        early = min(reduce, last.r) if isinstance(last, SubPixel) else 1  # the rest are means of the last layer's
        planes, _ = self._transform("synthesis", layers, early).run({INPUT: latents})
        return means(_picture(planes), reduce // early)

    def expect(self, phase: int, known: Floats, origin: tuple[int, int]) -> Floats:
        with self._loading:
            network, place = self._predictors[phase - 1]
        expected, _ = network.run({"known": known, "place": _by_place(place, known, origin)})
        return expected

    def linearise_expected(
        self, phase: int, known: Floats, origin: tuple[int, int]
    ) -> tuple[Floats, Callable[[Floats], Floats]]:
        with self._loading:
            forward, backward, place = self._linear_predictors[phase - 1]
        expected, kept = forward.run({"known": known, "place": _by_place(place, known, origin)})

        def back(slopes: Floats) -> Floats:
            found, _ = backward.run({"slopes": slopes, **kept})
            return found

        return expected, back

    def linearise(self, latents: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        with self._loading:
            forward, backward = self._linear_synthesis
        planes, kept = forward.run({INPUT: latents})

        def back(slopes: Floats) -> Floats:
            found, _ = backward.run({"slopes": slopes.transpose(2, 0, 1), **kept})
            return found

        return _picture(planes), back

    def _transform(self, side: str, layers: slice, reduce: int = 1) -> Network:
        """The network of some layers of a transform, whose last layer makes a reduced picture."""
        key = side, layers.start, layers.stop, reduce
        with self._loading:
            if key not in self._transforms:
                graph = Graph()
                parts = self._parts(side, layers)
                if reduce > 1:
                    parts[-1] = reduced(*parts[-1], reduce)
                result, _ = apply_all(graph, parts, graph.input(INPUT))
                self._transforms[key] = graph.load(result, self._threads, self._memory)
            return self._transforms[key]

    @cached_property
    def _predictors(self) -> list[tuple[Network, Floats]]:
        """The networks of phases from 1 on, and their biases by block position."""
        predictors = []
        for _, tensors in self._parts("predictors"):
            graph = Graph()
            expected, _ = predict(graph, tensors)
            predictors.append((graph.load(expected, self._threads, self._memory), tensors["place"]))
        return predictors

    @cached_property
    def _linear_predictors(self) -> list[tuple[Network, Network, Floats]]:
        """The same, which keep what their derivatives depend on, and the transposed derivatives."""
        predictors = []
        for _, tensors in self._parts("predictors"):
            forward, backward = Graph(), Graph()
            expected, kept = predict(forward, tensors)
            slopes = back_through_branch(backward, tensors, backward.input("slopes"), [*map(backward.input, kept)])
            networks = (
                forward.load(expected, self._threads, self._memory, kept),
                backward.load(slopes, self._threads, self._memory),
            )
            predictors.append((*networks, tensors["place"]))
        return predictors

    @cached_property
    def _linear_synthesis(self) -> tuple[Network, Network]:
        """The synthesis, which keeps what its derivative depends on, and the transposed derivative."""
        forward = Graph()
        picture, kept = apply_all(forward, self._parts("synthesis"), forward.input(INPUT))
        backward = Graph()
        slopes = backward.input("slopes")
        for (layer, tensors), of_layer in reversed([*zip(self._parts("synthesis"), kept, strict=True)]):
            slopes = apply_transposed(backward, layer, tensors, slopes, [*map(backward.input, of_layer)])
        every = itertools.chain.from_iterable(kept)
        return (
            forward.load(picture, self._threads, self._memory, every),
            backward.load(slopes, self._threads, self._memory),
        )

    def _parts(self, side: str, layers: slice = ALL) -> list[tuple[Any, Tensors]]:
        """Layers of a transform, or predictors, with their tensors."""
        return [
            (part, {name: self._model.weight(f"{side}.{i}.{name}") for name in part.tensors})
            for i, part in [*enumerate(getattr(self._architecture, side))][layers]
        ]


def apply_all(graph: Graph, parts: Iterable[tuple[Layer, Tensors]], x: Blob) -> tuple[Blob, list[list[Blob]]]:
    """The result of layers, and what the derivative of each depends on."""
    kept = []
    for layer, tensors in parts:
        x, of_layer = apply(graph, layer, tensors, x)
        kept.append(of_layer)
    return x, kept


def apply(graph: Graph, layer: Layer, tensors: Tensors, x: Blob) -> tuple[Blob, list[Blob]]:
    """A layer's result, and what its derivative depends on."""
    match layer:
        case Convolution(stride=1):
            return graph.convolution(x, tensors["weight"], tensors["bias"]), []
        case Convolution(stride=stride):
            # Without a stride it can be Winograd's, which saves more than the zeros in the larger kernel cost.
            return graph.convolution(
                graph.unshuffle(x, stride), over_blocks(tensors["weight"], stride), tensors["bias"]
            ), []
        case SubPixel(r=r):
            return graph.shuffle(graph.convolution(x, tensors["weight"], tensors["bias"]), r), []
        case Normalisation(inverse=inverse):
            beta, gamma = _beta_and_gamma(tensors)
            pool = graph.convolution(graph.multiply(x, x), gamma, beta)
            scale = graph.sqrt(pool) if inverse else graph.rsqrt(pool)
            return graph.multiply(x, scale), [x, scale]
        case Residual():
            reduced = graph.convolution(x, tensors["reduce.weight"], tensors["reduce.bias"], relu=True)
            mixed = graph.convolution(reduced, tensors["mix.weight"], tensors["mix.bias"], relu=True)
            expanded = graph.convolution(mixed, tensors["expand.weight"], tensors["expand.bias"])
            return graph.add(x, expanded), [reduced, mixed]


def apply_transposed(graph: Graph, layer: Layer, tensors: Tensors, slopes: Blob, kept: Sequence[Blob]) -> Blob:
    """The slopes of a loss by what a layer takes, from those by its result; `kept` is as `apply` has returned it."""
    match layer, kept:
        case Convolution(stride=1), _:
            return graph.convolution(slopes, transposed(tensors["weight"]))
        case SubPixel(r=r), _:
            return graph.convolution(graph.unshuffle(slopes, r), transposed(tensors["weight"]))
        case Normalisation(inverse=True), [x, scale]:
            # y_i = x_i s_i with s_i^2 = beta_i + sum_j gamma_ij x_j^2, so ds_i/dx_j = gamma_ij x_j / s_i.
            _, gamma = _beta_and_gamma(tensors)
            by_scale = graph.divide(graph.multiply(slopes, x), scale)
            through_scale = graph.multiply(x, graph.convolution(by_scale, transposed(gamma)))
            return graph.add(graph.multiply(slopes, scale), through_scale)
        case Residual(), _:
            return graph.add(slopes, back_through_branch(graph, tensors, slopes, kept))
    raise TypeError(f"no derivative is known of {layer!r}")


def predict(graph: Graph, tensors: Tensors) -> tuple[Blob, list[Blob]]:
    """What a predictor expects of the arrays `known` and `place`, and what the derivative depends on."""
    reduced = graph.convolution(graph.input("known"), tensors["reduce.weight"], tensors["reduce.bias"])
    placed = graph.relu(graph.add(reduced, graph.input("place")))
    mixed = graph.convolution(placed, tensors["mix.weight"], tensors["mix.bias"], relu=True)
    expected = graph.convolution(mixed, tensors["expand.weight"], tensors["expand.bias"])
    return expected, [placed, mixed]


def back_through_branch(graph: Graph, tensors: Tensors, slopes: Blob, kept: Sequence[Blob]) -> Blob:
    """Through the three convolutions of a predictor, or of a `Residual` without what is added to them."""
    reduced, mixed = kept
    inner = graph.convolution(slopes, transposed(tensors["expand.weight"]))
    inner = graph.multiply(inner, graph.positive(mixed))
    inner = graph.convolution(inner, transposed(tensors["mix.weight"]))
    inner = graph.multiply(inner, graph.positive(reduced))
    return graph.convolution(inner, transposed(tensors["reduce.weight"]))


def reduced(layer: SubPixel, tensors: Tensors, reduce: int) -> tuple[Layer, Tensors]:
    """A layer that makes the means of squares of the pixels that a sub-pixel convolution makes."""
    inputs, outputs, kernel, r = layer
    less = r // reduce

    def mean(values: Floats) -> Floats:  # over channels, which are ordered (row, column, channel)
        parts = values.reshape(less, reduce, less, reduce, outputs, *values.shape[1:])
        return parts.mean(axis=(1, 3)).reshape(less**2 * outputs, *values.shape[1:])

    averaged = {name: mean(values) for name, values in tensors.items()}
    return SubPixel(inputs, outputs, kernel, less) if less > 1 else Convolution(inputs, outputs, kernel), averaged


def over_blocks(weight: Floats, stride: int) -> Floats:
    """The kernel of a convolution with a stride, over blocks of samples ordered (row, column, channel)."""
    outputs, inputs, kernel, _ = weight.shape
    taps = 2 * (kernel // 2 // stride) + 1
    filled = np.pad(weight, ((0, 0), (0, 0), *[(0, taps * stride - kernel)] * 2))
    blocks = filled.reshape(outputs, inputs, taps, stride, taps, stride).transpose(0, 3, 5, 1, 2, 4)
    return blocks.reshape(outputs, stride**2 * inputs, taps, taps)


def transposed(weight: Floats) -> Floats:
    """The kernel of a convolution's transpose."""
    return weight.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]


def _beta_and_gamma(tensors: Tensors) -> tuple[Floats, Floats]:
    """Of a GDN, from the roots that are stored; see `models/gdn.py`. Gamma comes as the kernel of a convolution."""
    beta = np.maximum(tensors["beta_root"], np.sqrt(MIN_BETA + PEDESTAL)) ** 2 - PEDESTAL
    gamma = np.maximum(tensors["gamma_root"], np.sqrt(PEDESTAL)) ** 2 - PEDESTAL
    return beta.astype(np.float32), gamma.astype(np.float32)[:, :, None, None]


def _by_place(place: Floats, like: Floats, origin: tuple[int, int]) -> Floats:
    """A predictor's biases (width x 2 x 2) at each row and column of an array that begins at `origin`."""
    rows, columns = (np.arange(start, start + size) % 2 for start, size in zip(origin, like.shape[1:], strict=True))
    return place[:, rows[:, None], columns]


def _picture(planes: Floats) -> Floats:
    return np.add(planes.transpose(1, 2, 0), np.float32(MID_GREY), order="C")
