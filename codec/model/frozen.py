"""A frozen model: network weights and integer tables in one safetensors file, found by its fingerprint."""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lic.codec.entropy.contexts import Contexts, PointContexts
from lic.codec.entropy.tables import MAX_HEIGHT, MAX_STEP, STEP_BITS, Ints, Tables, frequency_tables
from lic.codec.errors import BadModel, BadSetting, ModelNotFound
from lic.codec.file.container import FINGERPRINT_BYTES
from lic.codec.model.catalogue import (
    DEFAULT_TUNE,
    MAX_QUALITY,
    METADATA,
    MIN_QUALITY,
    MODELS_VARIABLE,
    POSITIONS,
    TUNED,
    damaged,
    damaged_models,
    list_models,
    model_folders,
    read_model_file,
)

if TYPE_CHECKING:
    from lic.models.autoencoder import RateDistortionAutoencoder

Floats = NDArray[np.float64]

ARRAYS = {"heights": np.int32, "steps": np.int32, "unit": np.float64, "restore": np.float32}
CONTEXT_ARRAYS = {
    "weights": np.int32,
    "prediction": np.int32,
    "thresholds": np.int64,
    "index": np.uint8,
    "heights": np.int32,
    "steps": np.int32,
    "earlier": np.int16,
}


@dataclass(frozen=True, eq=False)
class FrozenModel:
    """Weights and tables that never change again; `fingerprint` names all that decoding depends on.

    A position p = 256 k + f lies f/256 of the way from lambda point k to the next; steps, and so tables, follow
    from it in integers.
    """

    knots: Ints  # K
    heights: Ints  # channels x K, see tables.py
    steps: Ints  # points x channels, in 1/2^12 of the channel's unit
    unit: Floats  # channels: latent value per knot unit
    restore: Floats  # points x channels: inverse gain over step, what shrinks latents towards zero
    weights: dict[str, NDArray[np.float16]]
    card: dict[str, Any]
    contexts: Contexts | None = None  # without, each channel has one table

    @property
    def name(self) -> str:
        return str(self.card["name"])

    @property
    def lambdas(self) -> tuple[float, ...]:
        return tuple(self.card["lambdas"])

    @property
    def channels(self) -> int:
        return len(self.heights)

    @property
    def last_position(self) -> int:
        return (len(self.steps) - 1) * POSITIONS

    @cached_property
    def fingerprint(self) -> bytes:
        decoding = {name: array for name, array in self._arrays().items() if not name.startswith("analysis.")}
        return _digest(decoding)[:FINGERPRINT_BYTES]

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """Everything in the file, little-endian and contiguous (safetensors writes memory as it lies)."""
        arrays = {name: getattr(self, name).astype(kind) for name, kind in ARRAYS.items()}
        if self.contexts:
            found = ((name, getattr(self.contexts, name), kind) for name, kind in CONTEXT_ARRAYS.items())
            arrays |= {f"contexts.{name}": array.astype(kind) for name, array, kind in found if array is not None}
        arrays |= {name: array.astype(np.float16) for name, array in self.weights.items()}
        return {name: np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for name, array in arrays.items()}

    def to_bytes(self) -> bytes:
        arrays = self._arrays()
        card = self.card | {"fingerprint": self.fingerprint.hex(), "sha256": _digest(arrays).hex()}
        return save(arrays, {METADATA: json.dumps(card)})

    @cached_property
    def network(self) -> "RateDistortionAutoencoder":
        """The transforms (and, for training on, the density) as a torch module in float32."""
        import torch

        from lic.models.autoencoder import RateDistortionAutoencoder

        with torch.inference_mode(False):  # whoever asks first: refinement needs slopes
            shares = self.card.get("second_look", ())
            network = RateDistortionAutoencoder(self.card["n"], self.channels, self.lambdas, shares)
            state = network.state_dict()
            state |= {name: torch.from_numpy(array.astype(np.float32)) for name, array in self.weights.items()}
            step = self.steps * self.unit / 2**STEP_BITS
            state["log_gain"] = torch.from_numpy(-np.log(step)).float()
            state["log_inverse_gain"] = torch.from_numpy(np.log(step * self.restore)).float()
            state["density.unit"] = torch.from_numpy(self.unit).float()
            state["density.log_heights"] = torch.from_numpy(np.log(np.maximum(self.heights, 1e-3))).float()
            network.load_state_dict(state)
            return network.requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def position(self, quality: float) -> int:
        """The position of a quality from 1 (smallest file) to 100 (best picture)."""
        if not MIN_QUALITY <= quality <= MAX_QUALITY:
            raise BadSetting(f"quality {quality:g} is out of range: choose from {MIN_QUALITY:g} to {MAX_QUALITY:g}")
        return round((quality - MIN_QUALITY) / (MAX_QUALITY - MIN_QUALITY) * self.last_position)

    def quality(self, position: int) -> float:
        """The quality of a position, the inverse of `position`."""
        span = MAX_QUALITY - MIN_QUALITY
        return MIN_QUALITY + span * position / self.last_position if self.last_position else MAX_QUALITY

    def position_of_lambda(self, lambda_: float) -> int:
        for k, value in enumerate(self.lambdas):
            if abs(value - lambda_) <= 1e-6 * value:
                return k * POSITIONS
        points = ", ".join(f"{value:g}" for value in self.lambdas)
        raise BadSetting(f"model {self.name} has no lambda point {lambda_:g}: choose one of {points}, or a quality")

    def check_effort(self, effort: int) -> None:
        """Refuse what `lic.codec.refinement` cannot do with this model."""
        if not (isinstance(effort, int) and effort >= 0):
            raise BadSetting(f"effort {effort!r} is not a number of rounds: give 0, 1, 2, ...")
        if effort and self.card.get("distortion", "mse") != "mse":
            raise BadSetting(f"effort goes by squared error, which model {self.name} is not trained for: leave it out")

    def lambda_at(self, position: int) -> float:
        """The lambda of a position: between lambda points its logarithm runs in a straight line."""
        k, f = divmod(position, POSITIONS)
        here, after = self.lambdas[k], self.lambdas[min(k + 1, len(self.lambdas) - 1)]
        return float(here * (after / here) ** (f / POSITIONS))

    def second_look_at(self, position: int) -> float:
        """How far latents move from those of a first look at the picture to those of a second, as best at a position.

        Zero for models that do not say.
        """
        shares = self.network.shares.tolist()
        k, f = divmod(position, POSITIONS)
        return float(shares[k] + (shares[min(k + 1, len(shares) - 1)] - shares[k]) * f / POSITIONS)

    def steps_at(self, position: int) -> Ints:
        """Each channel's step, in integers: between lambda points its inverse, the gain, runs in a straight line.

        So a channel that one point does without, by a huge step, comes in gradually on the way to the next.
        """
        k, f = divmod(position, POSITIONS)
        here, after = self.steps[k], self.steps[min(k + 1, len(self.steps) - 1)]
        return POSITIONS * here * after // (after * (POSITIONS - f) + here * f)

    def tables_at(self, position: int) -> tuple[Tables, PointContexts | None]:
        """The tables in use at a position: one per channel, or a library and the contexts that choose from it."""
        if self.contexts is None:
            return frequency_tables(self.heights, self.steps_at(position), self.knots), None
        tables = frequency_tables(self.contexts.heights, self.contexts.steps, self.knots)
        return tables, self.contexts.at(position, POSITIONS)

    def gain_at(self, position: int) -> Floats:
        """What latents are multiplied by before rounding."""
        return 2**STEP_BITS / (self.steps_at(position) * self.unit)

    def inverse_gain_at(self, position: int) -> Floats:
        """What symbols are multiplied by before synthesis."""
        k, f = divmod(position, POSITIONS)
        after = min(k + 1, len(self.steps) - 1)
        # A point's say goes by its gain: one that does without a channel does not know how to restore it.
        here_weight, after_weight = (POSITIONS - f) / self.steps[k], f / self.steps[after]
        restore = (self.restore[k] * here_weight + self.restore[after] * after_weight) / (here_weight + after_weight)
        return self.steps_at(position) * self.unit / 2**STEP_BITS * restore


def _digest(arrays: dict[str, NDArray[Any]]) -> bytes:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.digest()


def integer_heights(heights: Floats) -> Ints:
    """A density's heights as integers, the largest of each row being MAX_HEIGHT."""
    return np.round(heights / heights.max(axis=1, keepdims=True) * MAX_HEIGHT).astype(np.int64)


def freeze(network: "RateDistortionAutoencoder", card: dict[str, Any]) -> FrozenModel:
    """Make the integers that every later encoder and decoder will use. Done once, after training."""
    from lic.models.density import KNOTS

    heights = integer_heights(network.density.heights().detach().double().cpu().numpy())
    unit = network.density.unit.double().cpu().numpy()
    step = np.exp(-network.log_gain.detach().double().cpu().numpy())
    steps = np.clip(np.round(step / unit * 2**STEP_BITS), 1, MAX_STEP).astype(np.int64)
    steps = np.minimum.accumulate(steps, axis=0)  # quality grows along the points in every channel
    restore = (network.log_inverse_gain + network.log_gain).detach().double().cpu().exp().numpy()
    transforms = {
        name: tensor.detach().float().cpu().numpy().astype(np.float16)
        for name, tensor in network.state_dict().items()
        if name.startswith(("analysis.", "synthesis."))
    }
    shares = [round(share, 6) for share in network.shares.tolist()]  # float32 has no 0.6
    card = card | {"format": 1, "n": network.n, "m": network.m, "lambdas": [*network.lambdas], "second_look": shares}
    restore = restore.astype(np.float32).astype(np.float64)
    return FrozenModel(np.array(KNOTS), heights, steps, unit, restore, transforms, card)


@lru_cache(maxsize=4)
def load_model(path: Path) -> FrozenModel:
    """Load a model file, and check that it is whole and what its card says."""
    from lic.codec.model.check import check_arrays
    from lic.models.density import KNOTS

    file = read_model_file(path)
    try:
        with safe_open(path, "np") as tensors:
            arrays = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
        check_arrays(arrays, file.card)
        whole = file.card.get("sha256") in (None, _digest(arrays).hex())  # the fingerprint leaves the encoder out
        tables = {
            name: arrays.pop(name).astype(np.int64 if kind == np.int32 else np.float64) for name, kind in ARRAYS.items()
        }
        contexts = None
        if "contexts.index" in arrays:
            index = arrays.pop("contexts.index")
            earlier = arrays.pop("contexts.earlier", None)
            rest = CONTEXT_ARRAYS.keys() - {"index", "earlier"}
            ints = {name: arrays.pop(f"contexts.{name}").astype(np.int64) for name in rest}
            contexts = Contexts(index=index, earlier=earlier, **ints)
        model = FrozenModel(np.array(KNOTS), **tables, weights=arrays, card=file.card, contexts=contexts)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise damaged(path, error) from error
    if not whole or model.fingerprint != file.fingerprint:
        raise BadModel(f"{path} is damaged: its content does not match its fingerprint; export or copy it again")
    return model


def find_model(fingerprint: bytes) -> FrozenModel:
    """The model that a file was encoded with."""
    for file in list_models():
        if file.fingerprint == fingerprint:
            return load_model(file.path)
    raise ModelNotFound(
        f"the file needs model {fingerprint.hex()}, which is not in {_looked_in()}: "
        f"put its .safetensors file into a folder and name that folder in {MODELS_VARIABLE}{_passed_over()}"
    )


def get_model(name: str | os.PathLike[str] | None = None, tune: str | None = None) -> FrozenModel:
    """A model by path or by name, or the one that ships for a measure; the default one if nothing is said."""
    if name is not None and tune is not None:
        raise BadSetting("give model or tune, not both: a model is tuned for what it was trained for")
    if tune is not None and tune not in TUNED:
        raise BadSetting(f"no model is tuned for {tune!r}: choose {' or '.join(TUNED)}")
    if name is not None and (os.sep in os.fspath(name) or str(name).endswith(".safetensors")):
        return load_model(Path(name))
    wanted = TUNED[tune or DEFAULT_TUNE] if name is None else os.fspath(name)
    for file in list_models():
        if file.name == wanted:
            return load_model(file.path)
    raise ModelNotFound(f"no model named {wanted} in {_looked_in()}: see `lic models`, or give a path{_passed_over()}")


def _looked_in() -> str:
    return " or ".join(str(folder) for folder in model_folders())


def _passed_over() -> str:
    return "".join(f"; {error}" for error in damaged_models())
