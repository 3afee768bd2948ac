"""Packed models, for programs without Python, such as browsers: one file with what decoding needs of a model, and one
with what encoding needs in addition. The core opens them.

A file is compressed by gzip. In it, numbers are little-endian:

    LICM, or LICE for the encoder's; the fingerprint of the model (4 bytes)
    the length of a text (4 bytes), and the text: JSON, for people and user interfaces
    arrays, each as a count (4 bytes) and that many numbers: the layers' sizes (described.py), and those of `ARRAYS` or
        `ENCODER_ARRAYS`; empty where a model has none
    how many tensors the networks have, and how many weights in all (4 bytes each)
    the tensors in the architecture's order: how many bytes a number has (4 bytes), and
        for 4 an array of floats;
        for 1 or 2 an array of integers, 0, -1, 1, -2 ... as 0, 1, 2, 3 ..., input by input; one of the outputs'
        scales, and one of the inputs' exponents, empty if there are none

The weights of earlier magnitudes come by earlier channel, channel and phase, since those of one channel resemble each
other. Of an array first come the least significant bytes of all numbers, then the next ones, and so on: bytes of equal
significance are alike and pack better.
"""

import gzip
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.contexts import earlier_block
from lic.codec.entropy.library import PREFIX, TYPES
from lic.codec.entropy.tables import Arrays
from lic.codec.model.frozen import STORED_TYPES, FrozenModel
from lic.codec.model.network_weights import EXPONENTS, SCALE
from lic.codec.transform.described import described
from lic.models.architecture import PREVIEW
from lic.models.constants import CONTEXT_BLOCK, PHASES

SUFFIX, ENCODER_SUFFIX = ".licmodel", ".licencoder"
MAGIC, ENCODER_MAGIC = b"LICM", b"LICE"
ARRAYS: dict[str, type] = STORED_TYPES | {PREFIX + name: kind for name, kind in TYPES.items()}
LOOKS = "second_look", "quick_look"  # shares at each lambda point
ENCODER_ARRAYS: dict[str, type] = dict.fromkeys(LOOKS, np.float64)
OF_ENCODER = "analysis."  # tensors


def pack_model(model: FrozenModel) -> bytes:
    """What decoding needs of a model."""
    architecture, stored = model.architecture, model.arrays()
    preview = architecture.preview if model.has("preview") else ()
    decoding = (), architecture.synthesis, architecture.predictors, preview, ()
    names = [*architecture.tensors, *(architecture.extra_tensors["preview"] if preview else ())]
    about: dict[str, Any] = {"name": model.name, "qualities": model.scale, "channels": model.channels}
    about["preview"] = PREVIEW if preview else None  # times smaller than the picture
    if PREFIX + "earlier" in stored:
        stored[PREFIX + "earlier"] = by_earlier_channel(stored[PREFIX + "earlier"], model.channels)
    sizes = [size for part in decoding for size in described(part)]
    tensors = [name for name in names if not name.startswith(OF_ENCODER)]
    return _file(MAGIC + model.fingerprint, about, sizes, stored, ARRAYS, tensors)


def pack_encoder(model: FrozenModel) -> bytes:
    """What encoding without a search needs in addition."""
    architecture, stored = model.architecture, model.arrays()
    quick_look = (architecture.quick_look,) if model.has("quick_look") else ()
    names = [*architecture.tensors, *(architecture.extra_tensors["quick_look"] if quick_look else ())]
    stored |= dict(zip(LOOKS, map(np.array, (model.second_looks, model.quick_looks)), strict=True))
    sizes = [size for part in (architecture.analysis, quick_look) for size in described(part)]
    tensors = [name for name in names if name.startswith(OF_ENCODER)]
    return _file(ENCODER_MAGIC + model.fingerprint, {"name": model.name}, sizes, stored, ENCODER_ARRAYS, tensors)


def _file(
    head: bytes, about: dict[str, Any], sizes: list[int], stored: Arrays, arrays: dict[str, type], tensors: list[str]
) -> bytes:
    text = json.dumps(about).encode()
    parts = [head, number(len(text)), text, packed(np.array(sizes, np.int32))]
    parts += [packed(stored.get(name, np.zeros(0, kind)).astype(kind)) for name, kind in arrays.items()]
    parts += [number(len(tensors)), number(sum(stored[name].size for name in tensors))]
    for name in tensors:
        parts += packed_tensor(stored, name)
    return gzip.compress(b"".join(parts), 9, mtime=0)


def packed_tensor(stored: Arrays, name: str) -> list[bytes]:
    values = stored[name]
    if values.dtype.kind == "f":
        return [number(values.itemsize), packed(values)]
    by_input = values.reshape(len(values), -1).T.astype(np.int32)
    zigzag = by_input << 1 ^ by_input >> 31
    exponents = stored.get(name + EXPONENTS, np.zeros(0, np.int8))
    whole = zigzag.astype(f"<u{values.itemsize}")
    return [number(values.itemsize), packed(whole), packed(stored[name + SCALE]), packed(exponents)]


def by_earlier_channel(earlier: NDArray[np.int8], channels: int) -> NDArray[np.int8]:
    """The weights of each lambda point (points x packed, as in a model file) by earlier channel, channel and phase."""
    dense = np.zeros((len(earlier), channels, channels, PHASES), np.int8)  # point, earlier channel, channel, phase
    for of_point, row in zip(dense, earlier, strict=True):
        for start in range(CONTEXT_BLOCK, channels, CONTEXT_BLOCK):
            of_point[:start, start : start + CONTEXT_BLOCK] = earlier_block(row, channels, start).transpose(2, 1, 0)
    block = np.arange(channels) // CONTEXT_BLOCK
    return dense[:, block[:, None] < block]


def packed(array: NDArray[Any]) -> bytes:
    return number(array.size) + np.ascontiguousarray(array.reshape(-1, 1).view(np.uint8).T).tobytes()


def number(value: int) -> bytes:
    return value.to_bytes(4, "little")
