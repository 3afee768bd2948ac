"""Load model files, and check that they are whole and what their cards say."""

from pathlib import Path
from typing import Any

import numpy as np

from lic.codec.entropy.entropy_model import named_by
from lic.codec.errors import BadModel
from lic.codec.model.check import check_arrays
from lic.codec.model.frozen import STORED_TYPES, FrozenModel, digest
from lic.codec.model.header import damaged
from lic.codec.model.network_weights import stored_kinds
from lic.codec.model.tensor_file import read_arrays
from lic.models.architecture import Architecture


def load_model(path: Path, card: dict[str, Any]) -> FrozenModel:
    """The model in a file, of which the card was read."""
    try:
        arrays = read_arrays(path)
        kind = named_by(card)
        check_arrays(arrays, card, kind)
        whole = card["sha256"] == digest(arrays).hex()  # the fingerprint does not cover the encoder
        entropy = kind.from_arrays(arrays)
        scales: dict[str, Any] = {
            name: arrays[name].astype(np.int64 if issubclass(stored, np.integer) else np.float64)
            for name, stored in STORED_TYPES.items()
            if name in arrays
        }
        weights = {name: arrays[name] for name in stored_kinds(arrays, Architecture.of_card(card))}
        model = FrozenModel(**scales, stored_weights=weights, card=card, entropy=entropy)
        entropy.check(model.steps)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise damaged(path, error) from error
    if not whole or model.fingerprint.hex() != card["fingerprint"]:
        raise BadModel(f"{path} is damaged: its content does not match its fingerprint; export or copy it again")
    return model
