"""The header of a model file: the arrays' types, shapes and places, and the card. Without numpy, so it starts fast."""

import json
from pathlib import Path
from typing import Any

from lic.codec.errors import BadModel

CARD = "lic.model"  # its name among the metadata
LENGTH_BYTES = 8  # of a header's length
MAX_HEADER = 2**26  # bytes; ours have some 30,000


def read_header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: the arrays' types, shapes and places, and metadata."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        header: dict[str, Any] = json.loads(file.read(min(length, MAX_HEADER)))
        return header


def damaged(path: Path, reason: Exception) -> BadModel:
    return BadModel(f"{path} is not a lic model, or it is damaged ({reason}): export or copy it again")
