"""Adding layers to a trained network without changing its function.

Residual bottlenecks begin as the identity, and predictors expect nothing, so adding them changes neither symbols nor
reconstructions.
"""

from torch import Tensor

from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.layers import Layers, Residual


class CannotGrow(ValueError):
    """An architecture lacks a layer of the older one, or has a new layer that does not begin as the identity."""


def counterparts(older: Layers, newer: Layers) -> list[int]:
    """The number in `newer` of each layer of `older`; all others must be residual bottlenecks.

    >>> from lic.models.layers import Normalisation
    >>> counterparts((Normalisation(8), Normalisation(8)), (Normalisation(8), Residual(8, 4), Normalisation(8)))
    [0, 2]
    """
    found: list[int] = []
    for i, layer in enumerate(newer):
        if len(found) < len(older) and layer == older[len(found)]:
            found.append(i)
        elif not isinstance(layer, Residual):
            raise CannotGrow(f"the older network has no layer {layer}")
    if len(found) < len(older):
        raise CannotGrow(f"the newer network has no layer {older[len(found)]}")
    return found


def grown_state(older: RateDistortionAutoencoder, architecture: Architecture) -> dict[str, Tensor]:
    """The tensors of an older network, by their names in a network of a newer architecture."""
    before = older.architecture
    if before.predictors and before.predictors != architecture.predictors:
        raise CannotGrow("the newer network has other predictors")
    numbers = {
        "analysis": counterparts(before.analysis, architecture.analysis),
        "synthesis": counterparts(before.synthesis, architecture.synthesis),
    }

    def renamed(name: str) -> str:
        part, _, rest = name.partition(".")
        if part not in numbers:
            return name
        number, _, tensor = rest.partition(".")
        return f"{part}.{numbers[part][int(number)]}.{tensor}"

    return {renamed(name): tensor for name, tensor in older.state_dict().items()}
