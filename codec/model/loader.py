"""Load model files, and check that they are whole and what their cards say."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lic.codec.entropy.entropy_model import named_by
from lic.codec.errors import BadModel
from lic.codec.model.catalogue import choose_file, damaged, find_file, read_model_file
from lic.codec.model.check import check_arrays
from lic.codec.model.frozen import STORED, FrozenModel, digest
from lic.codec.model.network_weights import stored_kinds
from lic.codec.model.tensor_file import read_arrays


@lru_cache(maxsize=4)
def load_model(path: Path) -> FrozenModel:
    """The model in a file."""
    file = read_model_file(path)
    try:
        arrays = read_arrays(path)
        kind = named_by(file.card, arrays)
        check_arrays(arrays, file.card, kind)
        whole = file.card.get("sha256") in (None, digest(arrays).hex())  # the fingerprint does not cover the encoder
        entropy = kind.from_arrays(arrays)
        scales: dict[str, Any] = {
            name: arrays[name].astype(np.int64 if stored == np.int32 else np.float64)
            for name, stored in STORED.items()
            if name in arrays
        }
        weights = {name: arrays[name] for name in stored_kinds(arrays, file.architecture)}
        model = FrozenModel(**scales, stored_weights=weights, card=file.card, entropy=entropy)
        entropy.check(model.steps)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise damaged(path, error) from error
    if not whole or model.fingerprint != file.fingerprint:
        raise BadModel(f"{path} is damaged: its content does not match its fingerprint; export or copy it again")
    return model


def find_model(fingerprint: bytes) -> FrozenModel:
    """The model that a .lic file was encoded with."""
    return load_model(find_file(fingerprint).path)


def get_model(name: str | os.PathLike[str] | None = None, tune: str | None = None) -> FrozenModel:
    """A model by path or by name, or the shipped one for a measure; the default model otherwise."""
    return load_model(choose_file(name, tune))
