"""Our reader and writer of the format safetensors, and the library of that name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, load_file, save

from lic.codec.model.header import read_header
from lic.codec.model.tensor_file import TYPES, read_arrays, to_bytes

RNG = np.random.default_rng(0)
ARRAYS = {
    "none": np.zeros((0, 3), np.float32),
    "one": np.array(7, np.int64),
    **{name: RNG.integers(0, 99, (3, 5, 1)).astype(dtype) for name, dtype in TYPES.items()},
}


def assert_equal(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


def test_the_library_reads_what_is_written_here(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(to_bytes(ARRAYS, {"a": "b"}))
    assert_equal(load_file(path), ARRAYS)
    assert_equal(read_arrays(path), ARRAYS)
    assert read_header(path)["__metadata__"] == {"a": "b"}


def test_what_the_library_writes_is_read_here(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(save(ARRAYS))
    assert_equal(read_arrays(path), ARRAYS)


BAD = {
    "beyond the end": {"data_offsets": [8, 24]},
    "before the beginning": {"data_offsets": [-100_000, -99_984]},
    "of another size": {"data_offsets": [0, 15]},
    "without offsets": {"data_offsets": []},
    "of an unknown type": {"dtype": "F8"},
    "of a negative shape": {"shape": [-2, -2]},
    "of an absurd shape": {"shape": [2**40, 2**40]},
    "of no shape": {"shape": None},
    "of half a row": {"shape": [2.5]},
}


@pytest.mark.parametrize("entry", BAD.values(), ids=BAD)
def test_a_bad_entry_is_refused_as_by_the_library(entry: dict[str, Any], tmp_path: Path) -> None:
    good = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    path = tmp_path / "x.safetensors"
    for entries, is_good in (({}, True), (entry, False)):
        header = json.dumps({"x": good | entries}).encode()
        data = len(header).to_bytes(8, "little") + header + bytes(16)
        path.write_bytes(data)
        if is_good:
            assert_equal(read_arrays(path), load(data))
            continue
        with pytest.raises((KeyError, TypeError, ValueError)):
            read_arrays(path)
        with pytest.raises(Exception, match=r"."):
            load(data)
