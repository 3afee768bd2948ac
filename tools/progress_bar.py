"""Progress of work that takes seconds to minutes, on standard error."""

import shutil
import sys
import time
from collections.abc import Iterator
from typing import Protocol, TextIO, TypeVar

MOST_LINES = 10
CLEAR = "\r\x1b[K"  # back to the line's beginning, and nothing behind it

Item = TypeVar("Item", covariant=True)


class Sized(Protocol[Item]):
    """A list, a range, a tensor: it has a length and can be looped over."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Item]: ...


class StatusLine:
    """The last line of a terminal, until the end of the `with` block. Elsewhere, or if `quiet`, there is none."""

    def __init__(self, quiet: bool = False) -> None:
        self.visible = not quiet and sys.stderr.isatty()
        self.text = ""
        self.started = time.monotonic()

    def __enter__(self) -> "StatusLine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self.visible:
            self._draw("")

    def show(self, text: str) -> None:
        """Replace the line."""
        self.text = text
        if self.visible:
            self._draw(text)

    def count(self, what: str, done: int, total: int, more: str = "") -> None:
        """Show how far something is, and about how long the rest takes."""
        spent = time.monotonic() - self.started
        left = f", {duration(spent / done * (total - done))} left" if done else ""
        self.show(f"{what}: {done} of {total}, {duration(spent)}{left}{'  ' if more else ''}{more}")

    def say(self, text: str, file: TextIO | None = None) -> None:
        """Print a line above it, on standard error if no other file is given."""
        if self.visible:
            sys.stderr.write(CLEAR)
            sys.stderr.flush()
        print(text, file=file or sys.stderr, flush=True)
        if self.visible:
            self._draw(self.text)

    def _draw(self, text: str) -> None:
        width = shutil.get_terminal_size().columns
        sys.stderr.write(CLEAR + text[: max(width - 1, 0)])
        sys.stderr.flush()


def progress(items: Sized[Item], what: str, few_lines: bool = True) -> Iterator[Item]:
    """The items, with a status line on a terminal; elsewhere with up to MOST_LINES lines, or none."""
    every = -(-len(items) // MOST_LINES)
    with StatusLine() as line:
        for number, item in enumerate(items, 1):
            if line.visible:
                line.count(what, number - 1, len(items))
            elif few_lines and (number % every == 0 or number == 1):
                print(f"{what}: {number} of {len(items)}", file=sys.stderr, flush=True)
            yield item


def duration(seconds: float) -> str:
    """Hours only where there are some.

    >>> duration(59.6), duration(3725)
    ('1:00', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
