"""Libraries that only some features need."""

import importlib
from typing import Any

from lic.codec.errors import LicError

# by module, the package or extra to install for it
PACKAGES = {
    "matplotlib": "'lic-codec[plot]'",
    "bjontegaard": "'lic-codec[plot]'",
    "scipy": "'lic-codec[plot]'",
    "tensorboard": "'lic-codec[tensorboard]'",
    "ssimulacra2": "'lic-codec[codecs]'",
    "fsspec": "'lic-codec[distributed]'",
    "distributed": "'lic-codec[distributed]'",
    "torch": "'lic-codec[train]'",
    "safetensors": "'lic-codec[train]'",
    "onnx": "'lic-codec[onnx]'",
    "skimage": "'lic-codec[train]'",
    "pytorch_msssim": "'lic-codec[train]'",
}


class ExtraNeeded(LicError):
    """A library that a feature needs is not installed."""


def require(module: str) -> Any:
    """Import an optional library, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ExtraNeeded(remedy(module)) from error


def remedy(module: str) -> str:
    """How to install a missing module; empty if it is not an optional one.

    >>> remedy("torch.nn"), remedy("antigravity")
    ("this needs torch: pip install 'lic-codec[train]'", '')
    """
    name = module.split(".")[0]
    return f"this needs {name}: pip install {PACKAGES[name]}" if name in PACKAGES else ""
