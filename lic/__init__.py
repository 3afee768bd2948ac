"""A learned image codec: `encode` pictures into .lic files, `decode` them, and `read_info` about them.

>>> import numpy as np
>>> import lic
>>> data = lic.encode(np.full((40, 60, 3), 200, np.uint8), quality=65)
>>> lic.read_info(data).size
(60, 40)
>>> lic.decode(data).size
(60, 40)

Importing `lic` teaches Pillow the format: `Image.open("x.lic")`, `image.save("x.lic", quality=60)`. Everything else is
imported when it is first used: `read_info` needs neither numpy nor a network. `encode_batch` and `decode_batch` take
and make torch tensors. `analyse` and `symbols` hand out latents, `quantise` and `encode_symbols` take them back, and
`torch_model` is the network for torch. `backend` names the coder in use, "C" or "numpy".
"""

import importlib
import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any

# In the repository the packages stand beside this folder, and Python that is started there finds it first.
if not os.path.isdir(os.path.join(__path__[0], "codec")):
    for _name in ("models", "codec", "tools"):
        _path = os.path.join(os.path.dirname(__path__[0]), _name, "__init__.py")
        _spec = importlib.util.spec_from_file_location(f"lic.{_name}", _path)
        assert _spec is not None and _spec.loader is not None
        sys.modules[_spec.name] = globals()[_name] = importlib.util.module_from_spec(_spec)
        _spec.loader.exec_module(sys.modules[_spec.name])

from lic.codec import pillow_plugin as pillow_plugin  # importing it registers the format with Pillow
from lic.codec.errors import (
    BadImage,
    BadModel,
    BadSetting,
    Corrupt,
    LicError,
    ModelNotFound,
    NotALicFile,
    TooLarge,
    Truncated,
    UnsupportedVersion,
)

if TYPE_CHECKING:
    from lic.codec.analysis import analyse, encode_symbols, quantise, symbols, torch_model
    from lic.codec.decoder import decode
    from lic.codec.encode.encoder import encode
    from lic.codec.info import Info, read_info
    from lic.codec.tensors import decode_batch, encode_batch

    __version__: str
    backend: str

__all__ = [
    "BadImage",
    "BadModel",
    "BadSetting",
    "Corrupt",
    "Info",
    "LicError",
    "ModelNotFound",
    "NotALicFile",
    "TooLarge",
    "Truncated",
    "UnsupportedVersion",
    "__version__",
    "analyse",
    "backend",
    "decode",
    "decode_batch",
    "encode",
    "encode_batch",
    "encode_symbols",
    "quantise",
    "read_info",
    "symbols",
    "torch_model",
]

_HOMES = {  # modules of lic.codec
    "encode": "encode.encoder",
    "decode": "decoder",
    "encode_batch": "tensors",
    "decode_batch": "tensors",
    "analyse": "analysis",
    "symbols": "analysis",
    "quantise": "analysis",
    "encode_symbols": "analysis",
    "torch_model": "analysis",
    "read_info": "info",
    "Info": "info",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("lic-codec")
    if name == "backend":
        from lic.codec.entropy.coder import BACKEND

        return BACKEND
    if name in _HOMES:
        return getattr(importlib.import_module(f"lic.codec.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'lic' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# Modules with parts of one's own, which register themselves: see tools/EXTENDING.md.
for _name in filter(None, os.environ.get("LIC_PARTS", "").split(",")):
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        importlib.import_module(_name)
    except ImportError as error:
        raise ImportError(f"LIC_PARTS names {_name}, which cannot be imported: {error}") from error
