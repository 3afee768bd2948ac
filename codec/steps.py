"""Progress within one picture, for programs that show it: the library tells what it does, a listener draws it.

>>> seen = []
>>> with shown_by(lambda *step: seen.append(step)):
...     letters = [letter for letter in follow("reading", "ab")]
>>> seen
[('reading', 0, 2), ('reading', 1, 2)]
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")
Show = Callable[[str, int, int | None], None]  # what is done, steps that are done, steps in all if that is known

_show: ContextVar[Show | None] = ContextVar("show", default=None)


@contextmanager
def shown_by(show: Show) -> Iterator[None]:
    """Call `show` at each step within the block."""
    token = _show.set(show)
    try:
        yield
    finally:
        _show.reset(token)


def tell(what: str, done: int, total: int | None = None) -> None:
    if show := _show.get():
        show(what, done, total)


def follow(what: str, items: Sequence[Item]) -> Iterator[Item]:
    """The items of a loop, each of which is a step."""
    for done, item in enumerate(items):
        tell(what, done, len(items))
        yield item
