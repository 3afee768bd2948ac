"""Threads and memory of the process: chunks in threads, malloc_trim after every 20 pictures, torch after a fork."""

import ctypes
import itertools
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

TRIM_AFTER = 20  # pictures
_pictures = itertools.count(1)
_malloc_trim = getattr(ctypes.CDLL(None) if os.name == "posix" else None, "malloc_trim", None)  # glibc alone has it


def usable_cores() -> int:
    """The cores that the process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map` with a thread per core; items are taken as threads become free.

    >>> [*in_threads(abs, [-1, 2, -3])]
    [1, 2, 3]
    """
    with ThreadPoolExecutor(workers := usable_cores()) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def give_back_memory() -> None:
    """Call malloc_trim every 20 pictures: when their sizes vary, glibc keeps freed memory in small pieces."""
    if next(_pictures) % TRIM_AFTER == 0 and _malloc_trim:
        _malloc_trim(0)


def _one_thread_for_torch() -> None:
    """A forked process inherits torch's thread pool without its threads, and would wait for them for ever."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_one_thread_for_torch)
