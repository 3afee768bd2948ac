"""Which models there are: the cards of the model files in the known folders. Without numpy, so that it starts fast."""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lic.codec.errors import BadModel, ModelNotFound

MODELS_VARIABLE = "LIC_MODELS"
TUNED = {"psnr": "photo", "ms-ssim": "photo-ms-ssim"}  # the models that ship, by what each was trained for
DEFAULT_TUNE = "psnr"
METADATA = "lic.model"
MAX_HEADER = 2**26  # bytes; ours have a few thousand
POSITIONS = 256  # fine steps between two lambda points
MAX_POINTS = 256  # a file's position has 16 bits
MIN_QUALITY, MAX_QUALITY = 1.0, 100.0


class ModelFile(NamedTuple):
    """What is known of a model file without loading it."""

    path: Path
    name: str
    fingerprint: bytes
    card: dict[str, Any]


def model_folders() -> list[Path]:
    """Where models are looked for: inside the package, then the folders that LIC_MODELS names."""
    extra = os.environ.get(MODELS_VARIABLE, "")
    return [Path(__file__).parents[1] / "weights", *(Path(p) for p in extra.split(os.pathsep) if p)]


def read_model_file(path: Path) -> ModelFile:
    """The card of a model file."""
    try:
        # safetensors' own reader would import numpy, which takes longer than all the rest of `lic info`.
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, MAX_HEADER)))
        card = json.loads(header["__metadata__"][METADATA])
        _check_card(card)
        return ModelFile(path, card["name"], bytes.fromhex(card["fingerprint"]), card)
    except FileNotFoundError as error:
        raise ModelNotFound(f"there is no model file {path}") from error
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise damaged(path, error) from error


def _check_card(card: dict[str, Any]) -> None:
    """Refuse a card without what is needed to find and describe a model."""
    if not (isinstance(card["name"], str) and len(bytes.fromhex(card["fingerprint"])) == 4):
        raise ValueError("its card has no proper name and fingerprint")
    lambdas = card["lambdas"]
    if not all(isinstance(value, (int, float)) and 0 < value < math.inf for value in lambdas):
        raise ValueError("its card's lambdas are not positive numbers")
    if not 1 <= len(lambdas) <= MAX_POINTS or sorted(lambdas) != lambdas:
        raise ValueError("its card's lambdas are not in order")


def damaged(path: Path, reason: Exception) -> BadModel:
    return BadModel(f"{path} is not a lic model, or it is damaged ({reason}): export or copy it again")


def list_models() -> Iterator[ModelFile]:
    """All models that can be found by name or fingerprint."""
    return (file for file in _read_all() if isinstance(file, ModelFile))


def damaged_models() -> list[BadModel]:
    """What is wrong with the .safetensors files beside them that are no models: they hide none of the others."""
    return [file for file in _read_all() if isinstance(file, BadModel)]


def _read_all() -> Iterator[ModelFile | BadModel]:
    for folder in model_folders():
        for path in sorted(folder.glob("*.safetensors")):
            try:
                yield read_model_file(path)
            except BadModel as error:
                yield error
