"""Network weights in a model file: integers, times a scale for each output channel.

Most have two bytes. One is enough for residual bottlenecks of the analysis and for predictors: measured on photographs,
rounding those costs less than 0.05 % of rate + lambda * distortion. Vectors are float32.
"""

import itertools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.tables import Arrays, Kind
from lic.models.architecture import Architecture
from lic.models.layers import Predictor, Residual

SCALE = ".scale"
EXPONENTS = ".exponents"


def pack(weights: Mapping[str, NDArray[np.float32]], architecture: Architecture) -> Arrays:
    """The arrays of a model file that hold an architecture's weights."""
    packed: Arrays = {}
    of_one_byte = tolerant(architecture)
    for name, array in weights.items():
        if array.ndim < 2:
            packed[name] = array.astype(np.float32)
            continue
        kind = np.int8 if name in of_one_byte else np.int16
        most = np.abs(array).max(axis=tuple(range(1, array.ndim)), keepdims=True)
        scale = (most / np.iinfo(kind).max).astype(np.float32)
        packed[name] = np.round(array / np.where(scale > 0, scale, 1)).astype(kind)
        packed[name + SCALE] = scale.reshape(-1)
    return packed


def unpack(stored: Arrays, name: str) -> NDArray[np.float32]:
    """A tensor from the arrays of a model file."""
    tensor: NDArray[np.float32] = stored[name].astype(np.float32)
    if name + SCALE in stored:
        tensor *= stored[name + SCALE].reshape(-1, *[1] * (tensor.ndim - 1))
    if name + EXPONENTS in stored:
        tensor = np.ldexp(tensor, stored[name + EXPONENTS].astype(np.int32))
    return tensor


def stored_kinds(arrays: Arrays, architecture: Architecture) -> dict[str, Kind]:
    """Name, type and shape of the arrays that a file must contain; the types of weights may vary.

    What a model may have in addition is there as a whole or not at all.
    """
    kinds = {}
    extras = [shapes for shapes in architecture.extra_tensors.values() if shapes.keys() & arrays.keys()]
    for name, shape in itertools.chain(*(shapes.items() for shapes in (architecture.tensors, *extras))):
        found = arrays[name].dtype if name in arrays else np.dtype(np.int16)
        if len(shape) < 2:
            kinds[name] = Kind.of(np.float32, shape)
        else:
            kinds[name] = Kind.of(np.int8 if found == np.int8 else np.int16, shape)
            kinds[name + SCALE] = Kind.of(np.float32, shape[:1])
            if name + EXPONENTS in arrays:
                kinds[name + EXPONENTS] = Kind.of(np.int8, shape[1:])
    return kinds


def tolerant(architecture: Architecture) -> set[str]:
    """The tensors that lose nothing to speak of when they are stored in bytes."""
    names = {name for shapes in architecture.extra_tensors.values() for name in shapes}
    for part, layers in {"analysis": architecture.analysis, "predictors": architecture.predictors}.items():
        for i, layer in enumerate(layers):
            if isinstance(layer, Residual | Predictor):
                names |= {f"{part}.{i}.{name}" for name in layer.tensors}
    return names
