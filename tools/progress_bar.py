"""Progress of loops that take seconds to minutes, on standard error."""

import sys
from collections.abc import Iterator
from typing import Protocol, TypeVar

from tqdm import tqdm

MOST_LINES = 10

Item = TypeVar("Item", covariant=True)


class Sized(Protocol[Item]):
    """A list, a range, a tensor: it has a length and can be looped over."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Item]: ...


def progress(items: Sized[Item], what: str) -> Iterator[Item]:
    """The items, with a progress bar on a terminal, elsewhere with up to MOST_LINES lines."""
    if sys.stderr.isatty():
        yield from tqdm(items, desc=what, leave=False)
        return
    every = -(-len(items) // MOST_LINES)
    for number, item in enumerate(items, 1):
        if number % every == 0 or number == 1:
            print(f"{what}: {number} of {len(items)}", file=sys.stderr, flush=True)
        yield item
