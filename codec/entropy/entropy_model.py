"""The kinds of entropy model, by the name in the model's card.

A kind is a class with the methods of `EntropyModel` and an entry in `ENTROPY_MODELS`; tools/EXTENDING.md adds one.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lic.codec.entropy.coder import Coder, make_coder
from lic.codec.entropy.library import Contexts
from lic.codec.entropy.plain import PlainWalk
from lic.codec.entropy.tables import KNOT_ARRAY, Arrays, Ints, Kind, check_tables, frequency_tables, table_entries
from lic.codec.errors import UnsupportedVersion

MAX_ENTRIES_OF_ALL = 2**22  # of the tables of all lambda points: to check them takes a second


class EntropyModel(Protocol):
    """Probabilities for the symbols of all lambda points."""

    def arrays(self) -> Arrays:
        """The arrays to be stored in a model file."""

    @classmethod
    def kinds(cls, arrays: Arrays, points: int, channels: int) -> dict[str, Kind]:
        """Name, type and shape of the arrays that a file must contain; some sizes may vary."""

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "EntropyModel":
        """The entropy model in a file."""

    def check(self, steps: Ints) -> None:
        """Raise ValueError for values that no coder can use; `steps` are those of all lambda points."""

    def coder(self, position: int, steps: Ints) -> Coder:
        """The coder at a position, where the channels have these steps; for kinds of `IN_CORE`, the reference."""


@dataclass(frozen=True, eq=False)
class ChannelTables:
    """One density per channel, that of the unscaled latent; the channel's step turns it into a table."""

    heights: Ints  # channels x knots; stored with every model, whatever its entropy model

    def arrays(self) -> Arrays:
        return {}

    @classmethod
    def kinds(cls, arrays: Arrays, points: int, channels: int) -> dict[str, Kind]:
        return {}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "ChannelTables":
        return cls(arrays["heights"].astype(np.int64))

    def check(self, steps: Ints) -> None:
        if sum(map(table_entries, steps)) > MAX_ENTRIES_OF_ALL:
            raise ValueError("its steps are too small for tables of a sensible size")
        for row in steps:
            check_tables(self.heights, row)

    def coder(self, position: int, steps: Ints) -> Coder:
        return make_coder(frequency_tables(self.heights, steps, KNOT_ARRAY), PlainWalk())


IN_CORE = ChannelTables, Contexts  # kinds of which the core makes tables and contexts by itself

ENTROPY_MODELS: dict[str, type[EntropyModel]] = {
    "channels": ChannelTables,
    "phases": Contexts,
}


def name_of(model: EntropyModel) -> str:
    """The name of an entropy model's kind in cards."""
    return next(name for name, kind in ENTROPY_MODELS.items() if type(model) is kind)


def is_dependent(model: EntropyModel) -> bool:
    """Whether symbols are the levels of two dependent quantisers (quantisers.py)."""
    return isinstance(model, Contexts) and model.states is not None


def named_by(card: dict[str, Any]) -> type[EntropyModel]:
    """The kind that a card names."""
    if (name := card["entropy"]) not in ENTROPY_MODELS:
        raise UnsupportedVersion(
            f"the model's entropy model is of an unknown kind, {name!r}: install a newer lic, or name its module in"
            " LIC_PARTS"
        )
    return ENTROPY_MODELS[name]
