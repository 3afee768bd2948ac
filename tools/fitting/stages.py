"""Progress of an export, which takes minutes."""

import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def stages(items: Sequence[Item], what: str) -> Iterator[Item]:
    """The items, with a progress bar; on what is not a terminal, a line for each of them instead."""
    if sys.stderr.isatty():
        yield from tqdm(items, desc=what)
        return
    for number, item in enumerate(items, 1):
        print(f"{what}: {number} of {len(items)}", file=sys.stderr, flush=True)
        yield item
