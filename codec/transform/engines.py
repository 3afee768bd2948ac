"""Which engine runs a model: the one that the variable LIC_ENGINE names, else the first that is installed."""

import importlib
import os
from collections.abc import Callable
from functools import lru_cache

from lic.codec.errors import BadSetting, LicError
from lic.codec.model.frozen import FrozenModel
from lic.codec.process import threads
from lic.codec.transform.engine import Engine

ENGINE_VARIABLE = "LIC_ENGINE"
ENGINES = {"light": "LightEngine", "torch": "TorchEngine"}  # the class in NAME_engine.py
MakeEngine = Callable[[FrozenModel, int], Engine]  # from a model and a number of threads


def engine_of(model: FrozenModel, count: int | None = None) -> Engine:
    """The engine of a model with so many threads, all in use if not given; made when it is first needed."""
    return _made(choose_engine()[1], model, count or threads())


def choose_engine() -> tuple[str, MakeEngine]:
    """The name and the class of the engine to use."""
    asked = os.environ.get(ENGINE_VARIABLE)
    if asked and asked not in ENGINES:
        raise BadSetting(f"{ENGINE_VARIABLE} is {asked!r}: give one of {', '.join(ENGINES)}")
    for name in [asked] if asked else ENGINES:
        try:
            # The libraries are imported here: torch takes seconds.
            return name, getattr(importlib.import_module(f"lic.codec.transform.{name}_engine"), ENGINES[name])
        except ImportError:
            continue
    if asked == "torch":
        raise LicError(f"{ENGINE_VARIABLE} asks for torch, which is missing: pip install 'lic-codec[train]'")
    raise LicError("no library is installed that runs networks: pip install ncnn")


@lru_cache(maxsize=4)
def _made(make: MakeEngine, model: FrozenModel, count: int) -> Engine:
    return make(model, count)
