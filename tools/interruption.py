"""Ctrl-C and SIGTERM: a run over many pictures finishes the pictures that are begun, and saves its record."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM has arrived: a service manager or a cluster wants the program to end."""


@contextmanager
def stopped_by_signals(gently: bool, announce: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """A function that tells whether Ctrl-C or SIGTERM has asked to stop, within the block.

    If `gently`, the first signal lets the block go on, and the function calls `announce` once; the block may finish
    what it has begun. The next signal, or the end of the block, raises `KeyboardInterrupt` or `Terminated`. Otherwise
    the first signal does.
    """
    asked: list[int] = []
    announced: list[bool] = []

    def interrupt() -> NoReturn:
        raise Terminated if asked[-1] == signal.SIGTERM else KeyboardInterrupt

    def note(number: int, _: FrameType | None) -> None:
        asked.append(number)
        if not gently or len(asked) > 1:
            interrupt()

    def stopping() -> bool:
        if asked and not announced:
            announced.append(True)
            announce()  # not in `note`, where a line that is being printed could be interrupted by another one
        return bool(asked)

    if threading.current_thread() is not threading.main_thread():  # Python handles signals there alone
        yield stopping
        return
    before = {number: signal.signal(number, note) for number in STOP_SIGNALS}
    try:
        yield stopping
        if asked:
            interrupt()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Ctrl-C and SIGTERM take effect after the block; processes that it starts are not affected by them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    blocked = hasattr(signal, "pthread_sigmask")
    # New processes inherit blocked signals; another thread of this one may receive them nevertheless.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS) if blocked else ()
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        if blocked:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)
        for one in came:
            signal.raise_signal(one)
