"""Levels instead of rounded symbols, for models with dependent quantisation: what all engines have in common.

The levels of a phase are chosen together, for a whole chunk (entropy/level_choice.py), before those of the next one are
expected. Two things are not known yet then, and rounded latents, as of a model without states, stand for them: the
magnitudes that later passes will give to the contexts, and the first rows of the next chunk.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from lic.codec.entropy.level_choice import Choice
from lic.codec.entropy.prices import Numbers
from lic.codec.model.operating_point import Latents, OperatingPoint, Symbols
from lic.models.constants import PHASES

WEIGHT = 8.0  # the bits that a squared error of one step of a latent is worth
WEIGHTS = 10.0, 8.0, 7.2, 6.8  # the same for each phase where later phases are expected from earlier ones
STRETCH = 0.07  # of targets away from 0, since most of their neighbours become 0
STRETCHED = 1.25  # steps, from which on targets are stretched no further
MARGIN = 4  # rows that an expected latent depends on, rounded up to those that are computed together

Restore = Callable[[Symbols], Latents]


def levels_of(
    latents: Iterable[Latents],
    rounded_by: Callable[[Iterator[Latents]], Iterator[Symbols]],
    point: OperatingPoint,
    restore: Restore,
) -> Iterator[Symbols]:
    """The levels of a picture's latents by chunks, from latents some rows at a time and a function that rounds them."""
    taken: list[Latents] = []  # those of the chunks at hand

    def noted() -> Iterator[Latents]:
        for part in latents:
            taken.append(part)
            yield part

    above: Symbols | None = None
    waiting: tuple[Numbers, int] | None = None
    for rounded in rounded_by(noted()):
        if waiting is not None:
            levels = _levels_of_chunk(
                _first_rows(taken, waiting[1]), waiting[0], point, restore, above, rounded[:, :MARGIN]
            )
            above = levels[:, -MARGIN:]
            yield levels
        waiting = point.coder.guess_tables((np.abs(rounded) + 1) // 2), rounded.shape[1]
    if waiting is not None:
        yield _levels_of_chunk(_first_rows(taken, waiting[1]), waiting[0], point, restore, above, None)


def _first_rows(parts: list[Latents], rows: int) -> Latents:
    """Take the first rows from a list of arrays of rows."""
    found = []
    while rows:
        part = parts.pop(0)
        found.append(part[:, :rows])
        rows -= found[-1].shape[1]
        if part.shape[1] > found[-1].shape[1]:
            parts.insert(0, part[:, found[-1].shape[1] :])
    return np.concatenate(found, axis=1)


def _levels_of_chunk(
    latents: Latents,
    numbers: Numbers,
    point: OperatingPoint,
    restore: Restore,
    above: Symbols | None,
    below: Symbols | None,
) -> Symbols:
    """The levels of a chunk, phase by phase; `above` and `below` are some rows beside it."""
    levels = np.zeros(latents.shape, np.int32)
    for phase in range(PHASES):
        targets = latents
        if phase and point.trust is not None:
            first = 0 if above is None else above.shape[1]
            window = np.concatenate([part for part in (above, levels, below) if part is not None], axis=1)
            expected: Latents = restore(window)[:, first : first + latents.shape[1]]
            targets = latents - expected
        targets = point.scale(targets)
        targets += np.float32(STRETCH) * targets.clip(-np.float32(STRETCHED), np.float32(STRETCHED))
        weight = WEIGHT if point.trust is None else WEIGHTS[phase]
        point.coder.choose_levels(levels, phase, Choice(targets, numbers, weight))
    return levels
