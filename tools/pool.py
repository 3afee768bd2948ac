"""Work in several processes; if one dies, only the item that it worked on is lost."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from lic.codec.process import use_threads

Item = TypeVar("Item")
Result = TypeVar("Result")

DIED = "its process died, perhaps for lack of memory"


def in_processes(
    items: Sequence[Item],
    work: Callable[[Item], Result],
    count: int,
    threads: int,
    lost: Callable[[Item], Result],
) -> Iterator[Result]:
    """The results of `work` on each item, in order, from `count` processes with `threads` threads each.

    If a process dies, the first item without a result is tried alone, so that only the item that killed it is `lost`.
    """
    while items:
        for result in _until_broken(items, work, count, threads):
            yield result
            items = items[1:]
        if items:
            alone = list(_until_broken(items[:1], work, 1, threads))
            yield alone[0] if alone else lost(items[0])
            items = items[1:]


def _until_broken(items: Sequence[Item], work: Callable[[Item], Result], count: int, threads: int) -> Iterator[Result]:
    context = multiprocessing.get_context("spawn")  # OpenMP's threads do not survive a fork
    with ProcessPoolExecutor(count, context, _start_process, (threads,)) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        except BrokenProcessPool:
            return
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _start_process(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles Ctrl-C
    threading.Thread(target=end_with_parent, daemon=True).start()
    use_threads(threads)


def end_with_parent() -> None:
    """Wait for the end of the main process, then end this one: if the main process was killed, nothing else would."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
