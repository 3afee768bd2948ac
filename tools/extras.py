"""Libraries that only some subcommands need."""

import importlib
from typing import Any

from lic.codec.errors import LicError

EXTRAS = {
    "matplotlib": "plot",
    "matplotlib.figure": "plot",
    "bjontegaard": "plot",
    "tensorboard": "tensorboard",
    "fsspec": "distributed",
    "distributed": "distributed",
}


class ExtraNeeded(LicError):
    """A library of an optional extra is not installed."""


def require(module: str) -> Any:
    """Import a library of an extra, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.split(".")[0]
        raise ExtraNeeded(f"this needs {name}: pip install 'lic-codec[{EXTRAS[module]}]'") from error
