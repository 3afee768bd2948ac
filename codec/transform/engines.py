"""The choice of the engine for a model."""

from functools import lru_cache

from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.engine import Engine


@lru_cache(maxsize=4)
def engine_of(model: FrozenModel) -> Engine:
    """The engine of a model, made when it is first needed."""
    from lic.codec.transform.torch_engine import TorchEngine  # torch takes seconds to import

    return TorchEngine(model)
