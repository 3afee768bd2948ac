"""The installed models: the cards of the model files in the known folders. Without numpy, so that it starts fast."""

import itertools
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lic.codec.errors import BadSetting, LicError, ModelNotFound, UnsupportedVersion
from lic.codec.model.header import CARD, damaged, read_header
from lic.models.architecture import Architecture, UnknownArchitecture

if TYPE_CHECKING:
    from lic.codec.model.frozen import FrozenModel

MODELS_VARIABLE = "LIC_MODELS"
TUNED = {"psnr": "photo", "ms-ssim": "photo-ms-ssim"}  # the shipped models, by the measure that each was trained for
DEFAULT_TUNE = "psnr"
MAX_SCALE = 1000.0  # of qualities of lambda points, which may lie beyond 1 to 100
MAX_POINTS = 256  # a file's position has 16 bits
FORMAT = 1  # of model files


@dataclass(frozen=True)
class ModelFile:
    """A model file's name, fingerprint and card, without its tensors."""

    path: Path
    name: str
    fingerprint: bytes
    architecture: Architecture
    card: dict[str, Any] = field(compare=False)

    def load(self) -> "FrozenModel":
        """The whole model; the last few stay in memory."""
        return _load(self)


@lru_cache(maxsize=4)
def _load(file: ModelFile) -> "FrozenModel":
    from lic.codec.model.loader import load_model  # needs numpy

    return load_model(file.path, file.card)


def model_folders() -> list[Path]:
    """The folders to search for models: inside the package, then those in LIC_MODELS."""
    extra = os.environ.get(MODELS_VARIABLE, "")
    return [Path(__file__).parents[1] / "weights", *(Path(p) for p in extra.split(os.pathsep) if p)]


def _read(path: Path) -> ModelFile:
    """The card of a model file."""
    try:
        card = json.loads(read_header(path)["__metadata__"][CARD])
        if card["format"] != FORMAT:
            raise UnsupportedVersion(
                f"{path} is a model of format {card['format']}, this lic reads format {FORMAT}: install a newer lic"
            )
        _check_card(card)
        fingerprint = bytes.fromhex(card["fingerprint"])
        return ModelFile(path, card["name"], fingerprint, Architecture.of_card(card), card)
    except UnknownArchitecture as error:
        raise UnsupportedVersion(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise ModelNotFound(f"there is no model file {path}") from error
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise damaged(path, error) from error


def _check_card(card: dict[str, Any]) -> None:
    """Refuse a card without the entries that identify and describe a model."""
    if not (isinstance(card["name"], str) and len(bytes.fromhex(card["fingerprint"])) == 4):
        raise ValueError("its card has no proper name and fingerprint")
    if not isinstance(card["distortion"], str):
        raise ValueError("its card does not say which distortion it was trained for")
    lambdas = card["lambdas"]
    if not all(isinstance(value, (int, float)) and 0 < value <= sys.float_info.max for value in lambdas):
        raise ValueError("its card's lambdas are not positive numbers")
    if not 1 <= len(lambdas) <= MAX_POINTS or sorted(lambdas) != lambdas:
        raise ValueError("its card's lambdas are not in order")
    qualities = card.get("qualities", range(len(lambdas)))
    known = len(qualities) == len(lambdas) and all(-MAX_SCALE <= quality <= MAX_SCALE for quality in qualities)
    if not known or any(a >= b for a, b in itertools.pairwise(qualities)):
        raise ValueError("its card's qualities are not one for each lambda, in rising order")


def list_models() -> Iterator[ModelFile]:
    """All models that can be found by name or fingerprint."""
    return (file for file in _read_all() if isinstance(file, ModelFile))


def damaged_models() -> list[LicError]:
    """The errors of .safetensors files in the folders that cannot be used; they do not hide other models."""
    return [file for file in _read_all() if isinstance(file, LicError)]


def _read_all() -> Iterator[ModelFile | LicError]:
    for folder in model_folders():
        for path in sorted(folder.glob("*.safetensors")):
            try:
                yield _read(path)
            except LicError as error:
                yield error


def find_model(
    name: str | os.PathLike[str] | None = None, *, tune: str | None = None, fingerprint: bytes | None = None
) -> ModelFile:
    """A model by path or by name, the shipped one for a measure, or that of a fingerprint; else the default model."""
    if fingerprint is not None:
        for file in list_models():
            if file.fingerprint == fingerprint:
                return file
        raise ModelNotFound(
            f"the file needs model {fingerprint.hex()}, which is not in {_looked_in()}: "
            f"put its .safetensors file into a folder and name that folder in {MODELS_VARIABLE}{_passed_over()}"
        )
    if name is not None and tune is not None:
        raise BadSetting("give model or tune, not both: a model is tuned for what it was trained for")
    if tune is not None and tune not in TUNED:
        raise BadSetting(f"no model is tuned for {tune!r}: choose {' or '.join(TUNED)}")
    if name is not None and (os.sep in os.fspath(name) or str(name).endswith(".safetensors")):
        return _read(Path(name))
    wanted = TUNED[tune or DEFAULT_TUNE] if name is None else os.fspath(name)
    for file in list_models():
        if file.name == wanted:
            return file
    raise ModelNotFound(f"no model named {wanted} in {_looked_in()}: see `lic models`, or give a path{_passed_over()}")


def _looked_in() -> str:
    return " or ".join(str(folder) for folder in model_folders())


def _passed_over() -> str:
    return "".join(f"; {error}" for error in damaged_models())
