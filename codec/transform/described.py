"""A model's networks as core/network.c reads them, natively and in the browser: layers as numbers, and tensors."""

from lic.codec.errors import LicError
from lic.codec.model.frozen import FrozenModel
from lic.models.layers import Convolution, Layer, Normalisation, Own, Predictor, Residual, SubPixel

OF_ENCODER = "analysis", "quick_look"  # networks
TENSORS_OF_ENCODER = "analysis."


def networks(model: FrozenModel, *, decoder: bool = True, encoder: bool = True) -> tuple[list[int], list[str]]:
    """The numbers of a model's networks, those of its decoder, its encoder or both; and the names of their tensors."""
    architecture = model.architecture
    extras = {"preview": architecture.preview, "quick_look": (architecture.quick_look,)}
    layers = architecture.layout._asdict() | {name: extra if model.has(name) else () for name, extra in extras.items()}
    if not encoder:
        layers |= dict.fromkeys(OF_ENCODER, ())
    parts = layers.values() if decoder else [layers[name] for name in OF_ENCODER]
    shapes = [architecture.tensors, *(architecture.extra_tensors[name] for name in extras if model.has(name))]
    names = [name for of_part in shapes for name in of_part]
    wanted = [name for name in names if (encoder if name.startswith(TENSORS_OF_ENCODER) else decoder)]
    return [number for part in parts for number in described(part)], wanted


def described(layers: tuple[Layer | Predictor, ...]) -> list[int]:
    """How many layers there are, and the sizes of each, as core/network.c reads them.

    A normalisation belongs to the convolution before it.

    >>> described((Convolution(3, 8, 9, stride=4), Normalisation(8)))
    [1, 0, 3, 8, 9, 4, 1]
    """
    found: list[list[int]] = []
    for layer in layers:
        match layer:
            case Convolution(inputs, outputs, kernel, stride):
                found.append([0, inputs, outputs, kernel, stride, 0])
            case SubPixel(inputs, outputs, kernel, r):
                found.append([1, inputs, outputs, kernel, r, 0])
            case Residual(channels, width):
                found.append([2, channels, width, 3, 1, 0])
            case Predictor(channels, width):
                found.append([3, channels, width, 3, 1, 0])
            case Normalisation(_, inverse) if found and found[-1][0] < 2 and not found[-1][5]:
                found[-1][5] = 2 if inverse else 1
            case Own():
                raise LicError("the model has layers of one's own, which only torch runs: use it where torch is")
            case _:
                raise TypeError(f"the core has no layer {layer!r} in this place")
    return [len(found), *(size for sizes in found for size in sizes)]
