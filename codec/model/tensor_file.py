"""Arrays in the format safetensors: the length of a header, the header as JSON, and the numbers.

It is read and written here, because the library of that name is large for this; the tests use it for comparison.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lic.codec.entropy.tables import Arrays
from lic.codec.model.header import LENGTH_BYTES, read_header

TYPES = {
    "I8": "|i1",
    "U8": "|u1",
    "I16": "<i2",
    "I32": "<i4",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
}
ALIGNMENT = 8  # of the first number
NAMES = {dtype: name for name, dtype in TYPES.items()}


def read_arrays(path: Path) -> Arrays:
    """The arrays of a file, read-only. Raises OSError, KeyError, TypeError or ValueError for a damaged file."""
    header = read_header(path)
    data = path.read_bytes()
    numbers = memoryview(data)[LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "little") :]
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, stop = entry["data_offsets"]
        part = numbers[max(start, 0) : stop]
        array = np.ndarray(entry["shape"], TYPES[entry["dtype"]], part)  # refuses a part that is too small
        if stop - start != array.nbytes:
            raise ValueError(f"tensor {name} has {stop - start} bytes, not {array.nbytes}")
        arrays[name] = array
    return arrays


def to_bytes(arrays: Arrays, texts: Mapping[str, str]) -> bytes:
    """A file with these arrays, which are little-endian, and with texts by name."""
    header: dict[str, object] = {"__metadata__": dict(texts)}
    numbers, at = [], 0
    for name, array in sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0])):  # so that all are aligned
        offsets = at, at + array.nbytes
        header[name] = {"dtype": NAMES[array.dtype.str], "shape": array.shape, "data_offsets": offsets}
        numbers.append(array.tobytes())
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return b"".join([len(text).to_bytes(LENGTH_BYTES, "little"), text, *numbers])
