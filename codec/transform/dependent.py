"""Levels instead of rounded symbols, for models with dependent quantisation: what all engines have in common.

The levels of a phase are chosen together, for a whole chunk (entropy/level_choice.py), before those of the next one are
expected. Two things are not known yet then, and rounded latents, as of a model without states, stand for them: the
magnitudes that later passes will give to the contexts, and the first rows of the next chunk. core/levels.c is the same
in C.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.level_choice import Choice
from lic.codec.file.geometry import CHUNK_ROWS
from lic.codec.model.operating_point import Latents, OperatingPoint, Symbols
from lic.models.constants import PHASES

WEIGHT = 8.0  # the bits that a squared error of one step of a latent is worth
BY_PHASE = 1.25, 1.0, 0.9, 0.85  # factors of that where later phases are expected from earlier ones
STRETCH = 0.07  # of targets away from 0, since most of their neighbours become 0
STRETCHED = 1.25  # steps, from which on targets are stretched no further
MARGIN = 4  # rows that an expected latent depends on, rounded up to those that are computed together

# The levels of the next chunk from its latents, from its symbols by rounding, and from the first of these in the next
# one, if there is one. It may change the first two.
Choose = Callable[[Latents, Symbols, Symbols | None], Symbols]


def levels_of(
    latents: Iterable[Latents], rounded_by: Callable[[Iterator[Latents]], Iterator[Symbols]], choose: Choose
) -> Iterator[Symbols]:
    """The levels of a picture's latents by chunks, from latents some rows at a time and a function that rounds them.

    Rounded ones come some rows at a time, too: a chunk waits for no more than the first rows of the next one.
    """
    taken, rounded = Rows(), Rows()

    def noted() -> Iterator[Latents]:
        for part in latents:
            taken.add(part)
            yield part

    def next_chunk() -> Symbols:
        rows = min(CHUNK_ROWS, rounded.count)
        return choose(taken.take(rows), rounded.take(rows), rounded.first(MARGIN))

    for part in rounded_by(noted()):
        rounded.add(part)
        if rounded.count >= CHUNK_ROWS + MARGIN:
            yield next_chunk()
    while rounded.count:
        yield next_chunk()


class Rows:
    """Rows of arrays (channels x rows x columns) that come in parts of any size, and are taken in others."""

    def __init__(self) -> None:
        self._parts: list[NDArray[Any]] = []
        self.count = 0

    def add(self, part: NDArray[Any]) -> None:
        self._parts.append(part)
        self.count += part.shape[1]

    def first(self, rows: int) -> NDArray[Any] | None:
        """The first rows, or as many as there are; None if there are none."""
        return np.concatenate(self._parts, axis=1)[:, :rows].copy() if self._parts else None

    def take(self, rows: int) -> NDArray[Any]:
        """The first rows, which are then no longer here."""
        found = []
        while rows:
            part = self._parts.pop(0)
            found.append(part[:, :rows])
            if part.shape[1] > rows:
                self._parts.insert(0, part[:, rows:])
            rows -= found[-1].shape[1]
            self.count -= found[-1].shape[1]
        return np.concatenate(found, axis=1)


class PhaseByPhase:
    """What chooses the levels of one chunk after the other, by a function that restores latents from symbols."""

    def __init__(self, point: OperatingPoint, restore: Callable[[Symbols], Latents]) -> None:
        self._point, self._restore = point, restore
        self._above: Symbols | None = None

    def __call__(self, latents: Latents, rounded: Symbols, below: Symbols | None) -> Symbols:
        point = self._point
        numbers = point.coder.guess_tables((np.abs(rounded) + 1) // 2)  # of quantisers, whose steps are twice as large
        levels = np.zeros_like(rounded)
        for phase in range(PHASES):
            targets = latents
            if phase and point.trust is not None:
                targets = latents - self._expected(levels, below)
            targets = targets * point.gain.astype(np.float32)[:, None, None]
            targets += targets.clip(-np.float32(STRETCHED), np.float32(STRETCHED)) * np.float32(STRETCH)
            weight = WEIGHT * (1 if point.trust is None else BY_PHASE[phase])
            point.coder.choose_levels(levels, phase, Choice(targets, numbers, weight))
        self._above = levels[:, -MARGIN:].copy()
        return levels

    def _expected(self, levels: Symbols, below: Symbols | None) -> Latents:
        """The latents of a chunk by the levels chosen so far; of phases to come, what is expected of them."""
        window = np.concatenate([part for part in (self._above, levels, below) if part is not None], axis=1)
        first = 0 if self._above is None else self._above.shape[1]
        return self._restore(window)[:, first : first + levels.shape[1]]
