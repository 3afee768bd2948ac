"""A frozen model: network weights and integer tables in one safetensors file, named by its fingerprint."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.compiled import Rate
from lic.codec.entropy.entropy_model import IN_CORE, EntropyModel, is_dependent, name_of
from lic.codec.entropy.library import PREFIX, TYPES
from lic.codec.entropy.tables import STEP_BITS, Arrays, Ints
from lic.codec.errors import BadSetting
from lic.codec.file.container import FINGERPRINT_BYTES, POSITIONS
from lic.codec.model import tensor_file
from lic.codec.model.header import CARD
from lic.codec.model.network_weights import unpack
from lic.codec.model.operating_point import OperatingPoint
from lic.codec.model.quality import last_position, position_of, quality_of, scale_of
from lic.models.architecture import Architecture

Doubles = NDArray[np.float64]

STORED_TYPES = {
    "heights": np.int32,
    "steps": np.int32,
    "unit": np.float64,
    "restore": np.float32,
    "trust": np.float32,
    "filter": np.int16,
}

LOOKS = "second_look", "quick_look"  # shares of the card

# What the core takes besides networks, in its order (core/model.h): the decoder's, and then the encoder's.
CORE_ARRAYS = STORED_TYPES | {PREFIX + name: kind for name, kind in TYPES.items()} | dict.fromkeys(LOOKS, np.float64)

FREE = "analysis.", "preview."  # tensors that may get better: latents and whole pictures do not depend on them

ROUNDING = 1e-6  # of lambdas that were printed


@dataclass(frozen=True, eq=False)
class FrozenModel:
    """Weights and tables, never changed again; `fingerprint` identifies everything that decoding depends on.

    A position p = 256 k + f lies f/256 of the way from lambda point k to the next; steps, and so tables, follow
    from it in integers.
    """

    heights: Ints  # channels x knots: each channel's density, see tables.py
    steps: Ints  # points x channels, in 1/2^12 of the channel's unit
    unit: Doubles  # channels: latent value per knot unit
    restore: Doubles  # points x channels: inverse gain over step, shrinks latents towards zero
    stored_weights: Arrays  # as in a model file, see network_weights.py
    card: dict[str, Any]
    entropy: EntropyModel
    trust: Doubles | None = None  # points x channels: factors of expected latents, in architectures with predictors
    filter: Ints | None = None  # points x classes x planes x taps: weights of the filter, in models that have one

    @property
    def name(self) -> str:
        return str(self.card["name"])

    @cached_property
    def architecture(self) -> Architecture:
        return Architecture.of_card(self.card)

    def weight(self, name: str) -> NDArray[np.float32]:
        """A tensor of the networks, by the architecture's name for it."""
        return unpack(self.stored_weights, name)

    @property
    def lambdas(self) -> tuple[float, ...]:
        return tuple(self.card["lambdas"])

    @property
    def channels(self) -> int:
        return len(self.heights)

    @property
    def second_looks(self) -> tuple[float, ...]:
        """The blend weight of the second look at each lambda point."""
        return tuple(self.card["second_look"])

    @property
    def quick_looks(self) -> tuple[float, ...]:
        """That of the quick look, where it takes the second look's place in encoding without a search."""
        return tuple(self.card.get("quick_look") or [0.0] * len(self.lambdas))

    @property
    def quantiser(self) -> str:
        """As cards name it: "trellis" for two dependent ones (entropy/quantisers.py), or "uniform"."""
        return "trellis" if is_dependent(self.entropy) else "uniform"

    def has(self, extra: str) -> bool:
        """Whether the model has one of the architecture's `extra_tensors`."""
        return self.architecture.extra_tensors[extra].keys() <= self.stored_weights.keys()

    @property
    def last_position(self) -> int:
        return last_position(len(self.lambdas))

    @cached_property
    def fingerprint(self) -> bytes:
        decoding = {name: array for name, array in self.arrays().items() if not name.startswith(FREE)}
        return digest(decoding)[:FINGERPRINT_BYTES]

    def arrays(self) -> Arrays:
        """All arrays of the file, little-endian and contiguous (safetensors writes memory as it is)."""
        scales = ((name, getattr(self, name), kind) for name, kind in STORED_TYPES.items())
        arrays = {name: array.astype(kind) for name, array, kind in scales if array is not None}
        arrays |= self.entropy.arrays()
        arrays |= self.stored_weights
        return {name: np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for name, array in arrays.items()}

    def core_arrays(self) -> Arrays:
        """Those of CORE_ARRAYS; empty where the model has none. Without tables, if its entropy model is one's own."""
        arrays: dict[str, Any] = {name: getattr(self, name) for name in STORED_TYPES}
        arrays |= dict(zip(LOOKS, (self.second_looks, self.quick_looks), strict=True))
        arrays |= self.entropy.arrays() if type(self.entropy) in IN_CORE else {"heights": None}
        given = ((name, arrays.get(name), kind) for name, kind in CORE_ARRAYS.items())
        return {name: np.ascontiguousarray(() if array is None else array, kind) for name, array, kind in given}

    @cached_property
    def _in_core(self) -> object:
        """The model in the core, without its networks, which are opened as far as they are needed."""
        from lic.codec.core import _core  # may be missing

        return _core.open_model(*self.core_arrays().values())

    def rate(self, position: int) -> Rate:
        """What the core knows of a position, by its own arithmetic."""
        from lic.codec.core import _core

        return _core.open_rate(self._in_core, position)

    def to_bytes(self) -> bytes:
        arrays = self.arrays()
        made = {"entropy": name_of(self.entropy), "quantiser": self.quantiser}
        made |= {"fingerprint": self.fingerprint.hex(), "sha256": digest(arrays).hex()}
        return tensor_file.to_bytes(arrays, {CARD: json.dumps(self.card | made)})

    @property
    def scale(self) -> tuple[float, ...]:
        """The quality at each lambda point."""
        return scale_of(self.card)

    def position(self, quality: float) -> int:
        """The position of a quality from 1 (smallest file) to 100 (best picture)."""
        return position_of(quality, self.scale)

    def quality(self, position: int) -> float:
        """The quality of a position, the inverse of `position`."""
        return quality_of(position, self.scale)

    def position_of_lambda(self, lambda_: float) -> int:
        """The position of a lambda; its logarithm is interpolated linearly between the points."""
        lambdas = self.lambdas
        if not lambdas[0] * (1 - ROUNDING) <= lambda_ <= lambdas[-1] * (1 + ROUNDING):
            limits = f"{lambdas[0]:g} to {lambdas[-1]:g}"
            raise BadSetting(f"lambda {lambda_:g} is out of range for model {self.name}: choose from {limits}")
        positions = np.arange(len(lambdas)) * POSITIONS
        return round(float(np.interp(np.log(lambda_), np.log(lambdas), positions)))

    @property
    def distortion(self) -> str:
        """What the model was trained for: squared error, unless its card says otherwise."""
        return str(self.card.get("distortion", "mse"))

    def check_effort(self, effort: int) -> None:
        """Refuse a value that `lic.codec.encode.search` cannot use with this model."""
        if not (isinstance(effort, int) and effort >= 0):
            raise BadSetting(f"effort {effort!r} is not a whole number from 0 on: give 0, 1, 2, ...")
        if effort and self.distortion != "mse":
            raise BadSetting(f"effort goes by squared error, which model {self.name} is not trained for: leave it out")

    @cached_property
    def unscale(self) -> NDArray[np.float32]:
        """Factors of latents before the synthesis of a second look: those of the finest lambda point."""
        finest = self.at(self.last_position)
        return (finest.gain * finest.inverse_gain).astype(np.float32)

    def at(self, position: int) -> OperatingPoint:
        """The model at a position, as numpy computes it; core/rate.c does the same.

        Between lambda points the inverse of each step, the gain, is interpolated linearly. So a channel that one point
        does not use, because its step is huge, is introduced gradually on the way to the next point.
        """
        k, f = divmod(position, POSITIONS)
        after = min(k + 1, len(self.steps) - 1)
        left, right = self.steps[k], self.steps[after]
        steps = POSITIONS * left * right // (right * (POSITIONS - f) + left * f)
        step = steps * self.unit / 2**STEP_BITS
        # `restore` is weighted by the gains: a point that does not use a channel has not learned to restore it.
        left_share, right_share = (POSITIONS - f) / left, f / right
        restore = (self.restore[k] * left_share + self.restore[after] * right_share) / (left_share + right_share)
        weights = None if self.filter is None else _between(self.filter[k], self.filter[after], f)
        lambdas, looks, t = self.lambdas, self.second_looks, f / POSITIONS
        quick = self.quick_looks
        slow = any(looks[i] and not quick[i] for i in ({k, after} if f else {k}))
        return OperatingPoint(
            position,
            lambda_=float(lambdas[k] * (lambdas[after] / lambdas[k]) ** t),
            steps=steps,
            gain=1 / step,
            inverse_gain=step * restore,
            second_look=float(looks[k] + (looks[after] - looks[k]) * t),
            quick_look=0.0 if slow else float(quick[k] + (quick[after] - quick[k]) * t),
            entropy=self.entropy,
            open_rate=self.rate,
            trust=None if self.trust is None else self.trust[k] + (self.trust[after] - self.trust[k]) * t,
            filter=weights,
        )


def _between(left: Ints, right: Ints, f: int) -> Ints:
    """Integers f/256 of the way from some to others, rounded."""
    return (left * (POSITIONS - f) + right * f + POSITIONS // 2) // POSITIONS


def digest(arrays: Arrays) -> bytes:
    """SHA-256 over names, types, shapes and contents."""
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        found.update(np.ascontiguousarray(array).reshape(-1).data)
    return found.digest()
