"""Progress within one picture: the library reports it, and a program may show it.

>>> seen = []
>>> with shown_by(lambda *report: seen.append(report)):
...     letters = [letter for letter in progress("reading", "ab")]
>>> seen
[('reading', 0, 2), ('reading', 1, 2)]
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")
Show = Callable[[str, int, int | None], None]  # a task, the number of its parts that are done, and of all

_show: ContextVar[Show | None] = ContextVar("show", default=None)


@contextmanager
def shown_by(show: Show) -> Iterator[None]:
    """Call `show` at each report within the block."""
    token = _show.set(show)
    try:
        yield
    finally:
        _show.reset(token)


def tell(what: str, done: int, total: int | None = None) -> None:
    """Report how far a task is."""
    if show := _show.get():
        show(what, done, total)


def progress(what: str, items: Sequence[Item]) -> Iterator[Item]:
    """The items of a loop; each is reported before it is worked on."""
    for done, item in enumerate(items):
        tell(what, done, len(items))
        yield item
