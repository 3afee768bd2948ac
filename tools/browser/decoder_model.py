"""Models for the browser: the tensors that decoding needs, compressed.

The format is known to this module and to `model.js` only: the length of a header (four bytes, little-endian),
the header in JSON, and the tensors in its order, all of it packed by gzip. Of each tensor first come the least
significant bytes of all values, then the next ones, and so on: bytes of equal significance are alike and pack better.
"""

import gzip
import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.entropy_model import name_of
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.described import described
from lic.models.architecture import PREVIEW

SUFFIX = ".licmodel"


def pack_model(model: FrozenModel) -> bytes:
    """A model for the browser's decoder."""
    arrays = {name: array for name, array in model.arrays().items() if not name.startswith("analysis.")}
    architecture, layout = model.architecture, model.architecture.layout
    preview = architecture.preview if model.has("preview") else ()
    decoding = (), layout.synthesis, layout.predictors, preview, ()
    names = (*architecture.tensors, *(architecture.extra_tensors["preview"] if preview else ()))
    header = {
        "name": model.name,
        "qualities": model.scale,
        "channels": model.channels,
        "preview": PREVIEW if preview else None,  # times smaller than the picture
        "entropy": name_of(model.entropy),
        "layers": [size for part in decoding for size in described(part)],
        "weights": [name for name in names if not name.startswith("analysis.")],
        "tensors": [{"name": name, "type": a.dtype.str, "shape": a.shape} for name, a in arrays.items()],
    }
    text = json.dumps(header).encode()
    parts = [struct.pack("<I", len(text)), text, *map(_planes, arrays.values())]
    return gzip.compress(b"".join(parts), 9, mtime=0)


def _planes(array: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(array.reshape(-1, 1).view(np.uint8).T).tobytes()
