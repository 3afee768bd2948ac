"""The networks in numpy, to be read: the arithmetic of FORMAT.md, section 4, to the bits of the core.

Everything is float32; each sum is taken in order, one product after the other. Arrays of a layer are rows x columns x
channels. 3x3 convolutions are Winograd's F(4x4, 3x3): 6x6 inputs become 36 points, and products of points 4x4 outputs.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Latents
from lic.codec.transform.whole_engine import Back, Floats, WholeEngine
from lic.models.architecture import TILE
from lic.models.constants import DOWNSAMPLING, MIN_BETA, PEDESTAL
from lic.models.layers import Convolution, Layer, Normalisation, Residual, SubPixel

Tensors = dict[str, Floats]
PATCH = TILE + 2
KERNEL_TRANSFORM = np.array(  # of three weights
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)


class NumpyEngine(WholeEngine):
    """An `Engine` for machines without the compiled core, and for readers."""

    def analysis(self, picture: Floats) -> Latents:
        return self._run("analysis", picture)[0].transpose(2, 0, 1)

    def synthesis(self, latents: Latents) -> Floats:
        return self._run("synthesis", latents.transpose(1, 2, 0))[0]

    def quick_look(self, difference: Floats) -> Latents:
        kernel = self.model.weight("analysis.quick_look.weight")
        size, stride = kernel.shape[2], DOWNSAMPLING
        cell, around = stride // 4, (size - stride) // 2
        padded = np.pad(difference, ((around, around), (around, around), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(0, 1))[::stride, ::stride]
        cells = (size // cell, cell) * 2  # pixels are summed cell by cell
        windows = windows.reshape(*windows.shape[:2], 3, *cells).transpose(0, 1, 3, 5, 4, 6, 2)
        kernel = kernel.reshape(len(kernel), 3, *cells).transpose(0, 2, 4, 3, 5, 1)
        corrections = multiply(windows.reshape(*windows.shape[:2], -1), kernel.reshape(len(kernel), -1))
        return corrections.transpose(2, 0, 1)

    def preview(self, latents: Latents) -> Floats:
        return self._run("preview", latents.transpose(1, 2, 0))[0]

    def linear_synthesis(self, latents: Latents) -> tuple[Floats, Back]:
        picture, backs = self._run("synthesis", latents.transpose(1, 2, 0))

        def back(slopes: Floats) -> Floats:
            for through in reversed(backs):
                slopes = through(slopes)
            return slopes.transpose(2, 0, 1)

        return picture, back

    def expect(self, phase: int, known: Latents) -> Floats:
        _, tensors = self._parts["predictors"][phase - 1]
        rows, columns = known.shape[1:]
        place = tensors["place"].transpose(1, 2, 0)  # 2 x 2 x width: biases by the parity of row and column
        place = np.tile(place, ((rows + 1) // 2, (columns + 1) // 2, 1))[:rows, :columns]
        return bottleneck(known.transpose(1, 2, 0), tensors, place)[0].transpose(2, 0, 1)

    def _run(self, side: str, x: Floats) -> tuple[Floats, list[Back]]:
        """The result of a transform's layers, and the way back through each."""
        backs = []
        for layer, tensors in self._parts[side]:
            x, back = apply(layer, tensors, x)
            backs.append(back)
        return x, backs

    @cached_property
    def _parts(self) -> dict[str, list[tuple[Layer, Tensors]]]:
        """The layers of each part, with their tensors."""
        model: FrozenModel = self.model
        parts = model.architecture.layout._asdict()
        parts |= {"preview": model.architecture.preview} if model.has("preview") else {}
        return {
            side: [
                (layer, {name: model.weight(f"{side}.{i}.{name}").astype(np.float32) for name in layer.tensors})
                for i, layer in enumerate(layers)
            ]
            for side, layers in parts.items()
        }


def apply(layer: Layer, tensors: Tensors, x: Floats) -> tuple[Floats, Back]:
    """A layer's result, and the way back of slopes."""
    match layer:
        case Convolution(stride=stride):
            weights = over_cells(tensors["weight"], stride)
            folded = fold(x, stride)
            return convolve(folded, weights) + tensors["bias"], lambda g: unfold(convolve(g, flipped(weights)), stride)
        case SubPixel(r=r):
            weights = tensors["weight"]
            return (
                unfold(convolve(x, weights) + tensors["bias"], r),
                lambda g: convolve(fold(g, r), flipped(weights)),
            )
        case Normalisation(inverse=inverse):
            return normalise(x, tensors, inverse)
        case Residual():
            added, back = bottleneck(x, tensors)
            return x + added, lambda g: g + back(g)
    raise TypeError(f"no arithmetic is known for {layer!r}")


def multiply(x: Floats, weights: Floats, start: Floats | float = 0) -> Floats:
    """start + sum over i of x[..., i] weights[o, i], from i = 0 on."""
    sums = np.zeros((*x.shape[:-1], len(weights)), np.float32) + np.float32(start)
    for i in range(x.shape[-1]):
        sums += x[..., i, None] * weights[:, i]
    return sums


def bottleneck(x: Floats, tensors: Tensors, place: Floats | float = 0) -> tuple[Floats, Back]:
    """Convolutions 1x1, 3x3, 1x1 with rectifiers between them; `place` is added after the first."""
    reduce, mix, expand = (tensors[f"{part}.weight"] for part in ("reduce", "mix", "expand"))
    reduced = rectified(multiply(x, reduce[:, :, 0, 0], tensors["reduce.bias"]) + np.float32(place))
    mixed = rectified(convolve(reduced, mix) + tensors["mix.bias"])
    expanded = multiply(mixed, expand[:, :, 0, 0], tensors["expand.bias"])

    def back(slopes: Floats) -> Floats:
        inner = np.where(mixed > 0, multiply(slopes, expand[:, :, 0, 0].T), np.float32(0))
        inner = np.where(reduced > 0, convolve(inner, flipped(mix)), np.float32(0))
        return multiply(inner, reduce[:, :, 0, 0].T)

    return expanded, back


def rectified(x: Floats) -> Floats:
    return np.where(x > 0, x, np.float32(0))


def normalise(x: Floats, tensors: Tensors, inverse: bool) -> tuple[Floats, Back]:
    """GDN or its inverse (models/gdn.py)."""
    beta = square_of_root(tensors["beta_root"], MIN_BETA)
    gamma = square_of_root(tensors["gamma_root"], 0)
    scale: Floats = np.sqrt(multiply(x * x, gamma, beta))

    def back(slopes: Floats) -> Floats:
        if not inverse:
            raise TypeError("no derivative is known of a division")
        # scale_i depends on x_j by gamma_ij x_j / scale_i, so each slope also reaches the other channels.
        through = multiply(slopes * x / scale, gamma.T)
        return slopes * scale + x * through

    return x * scale if inverse else x / scale, back


def square_of_root(root: Floats, least: float) -> Floats:
    value = np.maximum(root.astype(np.float64), np.sqrt(least + PEDESTAL))
    return (value * value - PEDESTAL).astype(np.float32)


def fold(x: Floats, r: int) -> Floats:
    """Cells of r x r positions: rows/r x columns/r x (row, column, channel)."""
    rows, columns, channels = x.shape
    cells = x.reshape(rows // r, r, columns // r, r, channels).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(cells).reshape(rows // r, columns // r, r * r * channels)


def unfold(cells: Floats, r: int) -> Floats:
    """The positions of cells, the inverse of `fold`."""
    rows, columns, depth = cells.shape
    x = cells.reshape(rows, columns, r, r, depth // r**2).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(x).reshape(rows * r, columns * r, depth // r**2)


def over_cells(weights: Floats, stride: int) -> Floats:
    """The weights of a convolution with a stride as those of a 3x3 one over cells of stride x stride positions."""
    outputs, inputs, kernel, _ = weights.shape
    # A kernel begins kernel // 2 positions before its output's, and the cells of a 3x3 one `stride` positions before.
    offset = stride - kernel // 2
    padded = np.zeros((outputs, inputs, 3 * stride, 3 * stride), np.float32)
    # The weights outside the kernel are zero.
    padded[:, :, offset : offset + kernel, offset : offset + kernel] = weights
    cells = padded.reshape(outputs, inputs, 3, stride, 3, stride).transpose(0, 3, 5, 1, 2, 4)
    return np.ascontiguousarray(cells).reshape(outputs, stride * stride * inputs, 3, 3)


def flipped(weights: Floats) -> Floats:
    """The weights of a 3x3 convolution's transpose."""
    return weights.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]


def convolve(x: Floats, weights: Floats) -> Floats:
    """A 3x3 convolution with zeros around the picture, by tiles of 4x4 outputs, without the bias."""
    rows, columns, depth = x.shape
    down, across = -(-rows // TILE), -(-columns // TILE)
    padded = np.zeros((down * TILE + 2, across * TILE + 2, depth), np.float32)
    padded[1 : rows + 1, 1 : columns + 1] = x
    # Tiles of 4x4 outputs need 6x6 inputs each: neighbouring patches overlap by two rows or columns.
    tiles = np.lib.stride_tricks.sliding_window_view(padded, (PATCH, PATCH), axis=(0, 1))[::TILE, ::TILE]
    patches = tiles.reshape(down * across, depth, PATCH, PATCH).transpose(2, 3, 0, 1)
    points = along(1, six_points, along(0, six_points, patches))  # row x column of a point x tile x channel
    kernels = transformed(weights)
    # At each point the convolution is a product of matrices, over the channels.
    products = np.empty((PATCH, PATCH, down * across, len(weights)), np.float32)
    for i in range(PATCH):
        for j in range(PATCH):
            products[i, j] = multiply(points[i, j], kernels[i, j])
    outputs = along(1, four_outputs, along(0, four_outputs, products))
    placed = outputs.reshape(TILE, TILE, down, across, -1).transpose(2, 0, 3, 1, 4)
    return placed.reshape(down * TILE, across * TILE, -1)[:rows, :columns]


def transformed(weights: Floats) -> Floats:
    """The 36 points of each 3x3 kernel, in double precision and then rounded: row x column x output x input."""
    g, kernels = KERNEL_TRANSFORM, weights.astype(np.float64).transpose(2, 3, 0, 1)

    def three(values: NDArray[np.float64]) -> NDArray[np.float64]:
        by = [g[:, k].reshape(PATCH, *[1] * (values.ndim - 1)) for k in range(3)]
        return by[0] * values[0] + by[1] * values[1] + by[2] * values[2]

    half = three(kernels)
    return three(half.swapaxes(0, 1)).swapaxes(0, 1).astype(np.float32)


def along(axis: int, transform: Callable[[list[Floats]], list[Floats]], x: Floats) -> Floats:
    return np.stack(transform([*np.moveaxis(x, axis, 0)]), axis=axis)


def six_points(v: list[Floats]) -> list[Floats]:
    four, five = np.float32(4), np.float32(5)
    even, odd, even2, odd2 = v[4] - four * v[2], v[3] - four * v[1], v[4] - v[2], v[3] - v[1]
    odd2 = odd2 + odd2
    first, last = four * v[0] - five * v[2] + v[4], four * v[1] - five * v[3] + v[5]
    return [first, even + odd, even - odd, even2 + odd2, even2 - odd2, last]


def four_outputs(v: list[Floats]) -> list[Floats]:
    plus, minus, plus2, minus2 = v[1] + v[2], v[1] - v[2], v[3] + v[4], v[3] - v[4]
    return [
        v[0] + plus + plus2,
        minus + np.float32(2) * minus2,
        plus + np.float32(4) * plus2,
        minus + np.float32(8) * minus2 + v[5],
    ]
