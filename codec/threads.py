"""Threads: their number, work that they share, and work that the end of the interpreter waits for."""

import atexit
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from lic.codec.errors import BadSetting

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS_VARIABLE = "LIC_THREADS"
_threads: int | None = None


def usable_cores() -> int:
    """The cores that the process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_threads(count: int) -> None:
    """Set the number of threads to work with."""
    global _threads
    _threads = count


def threads() -> int:
    """The number of threads to work with: set by `use_threads`, else by LIC_THREADS, else one per usable core."""
    if _threads is not None:
        return _threads
    if text := os.environ.get(THREADS_VARIABLE):
        if not (text.isdecimal() and int(text)):
            raise BadSetting(f"{THREADS_VARIABLE} is {text!r}: give a number of threads, from 1 on")
        return int(text)
    return usable_cores()


def in_threads(function: Callable[[Item], Result], items: Iterable[Item], ahead: int | None = None) -> Iterator[Result]:
    """`map` with several threads; items are taken as threads become free.

    While a result is in use, up to `ahead` more are computed: by default, as many as there are threads.

    >>> [*in_threads(abs, [-1, 2, -3])]
    [1, 2, 3]
    """
    ahead = threads() if ahead is None else ahead
    with ThreadPoolExecutor(min(threads(), ahead + 1)) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            del item  # it may be large, and the next one, too
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def finished_before_exit() -> Iterator[None]:
    """A context that the interpreter does not end within, also in a daemon thread; it waits for other threads anyway.

    Libraries in C++ abort the process if the interpreter ends while a thread is in them. A daemon thread that enters
    when the end has begun waits for ever: Python does not finish such threads.
    """
    if not threading.current_thread().daemon:
        yield
        return
    work = _work()
    work.begin()
    try:
        yield
    finally:
        work.end()


class _Work:
    """The daemon threads that are within `finished_before_exit`."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.threads: Counter[int] = Counter()  # how often each one has entered
        self.closed = False

    def begin(self) -> None:
        me = threading.get_ident()
        with self.changed:
            self.changed.wait_for(lambda: not self.closed or self.threads[me])
            self.threads[me] += 1

    def end(self) -> None:
        with self.changed:
            self.threads[threading.get_ident()] -= 1
            self.threads += Counter()  # without zeros
            self.changed.notify_all()

    def finish(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.wait_for(lambda: not self.threads)


_works: dict[int, _Work] = {}  # by process: a forked one inherits its parent's without the threads


def _work() -> _Work:
    return _works.get(os.getpid()) or _works.setdefault(os.getpid(), _Work())


# Before concurrent.futures, which is imported above, closes its threads: they are registered in the same way.
getattr(threading, "_register_atexit", atexit.register)(lambda: _work().finish())
