"""Packed models, for programs without Python, such as browsers: one file with what decoding needs of a model, and one
with what encoding needs in addition. The core opens them.

A file is compressed by gzip. In it, numbers are little-endian:

    LICM, or LICE for the encoder's; the fingerprint of the model (4 bytes)
    the length of a text (4 bytes), and the text: JSON, for people and user interfaces
    arrays, each as a count (4 bytes) and that many numbers: the layers' sizes (described.py), and those of frozen.py's
        `CORE_ARRAYS` that are the decoder's or the encoder's; empty where a model has none
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
from lic.codec.entropy.entropy_model import IN_CORE
from lic.codec.entropy.library import PREFIX
from lic.codec.entropy.tables import Arrays
from lic.codec.errors import LicError
from lic.codec.model.frozen import LOOKS, FrozenModel
from lic.codec.model.network_weights import EXPONENTS, SCALE
from lic.codec.transform.described import networks
from lic.models.architecture import PREVIEW
from lic.models.constants import CONTEXT_BLOCK, PHASES

SUFFIX, ENCODER_SUFFIX = ".licmodel", ".licencoder"
MAGIC, ENCODER_MAGIC = b"LICM", b"LICE"
EARLIER = PREFIX + "earlier"


def pack_model(model: FrozenModel) -> bytes:
    """What decoding needs of a model."""
    if type(model.entropy) not in IN_CORE:
        raise LicError("the model has an entropy model of one's own, which only Python runs: use it there")
    about: dict[str, Any] = {"name": model.name, "qualities": model.scale, "channels": model.channels}
    about["preview"] = PREVIEW if model.has("preview") else None  # times smaller than the picture
    arrays = {name: array for name, array in model.core_arrays().items() if name not in LOOKS}
    arrays[EARLIER] = by_earlier_channel(arrays[EARLIER], model.channels)
    return _file(MAGIC, model, about, arrays, *networks(model, encoder=False))


def pack_encoder(model: FrozenModel) -> bytes:
    """What encoding without a search needs in addition."""
    arrays = {name: array for name, array in model.core_arrays().items() if name in LOOKS}
    return _file(ENCODER_MAGIC, model, {"name": model.name}, arrays, *networks(model, decoder=False))


def _file(
    magic: bytes, model: FrozenModel, about: dict[str, Any], arrays: Arrays, sizes: list[int], tensors: list[str]
) -> bytes:
    text = json.dumps(about).encode()
    parts = [magic, model.fingerprint, number(len(text)), text, packed(np.array(sizes, np.int32))]
    parts += [packed(array) for array in arrays.values()]
    parts += [number(len(tensors)), number(sum(model.stored_weights[name].size for name in tensors))]
    for name in tensors:
        parts += packed_tensor(model.stored_weights, name)
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
    numbers = array.astype(array.dtype.newbyteorder("<")).reshape(-1, 1)
    return number(array.size) + np.ascontiguousarray(numbers.view(np.uint8).T).tobytes()


def number(value: int) -> bytes:
    return value.to_bytes(4, "little")
