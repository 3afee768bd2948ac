"""Work in several processes; if one dies, only the item that it worked on is lost."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import TypeVar

from lic.codec.threads import use_threads
from lic.tools.interruption import STOP_SIGNALS, signals_held_back
from lic.tools.memory import return_large_blocks

Item = TypeVar("Item")
Result = TypeVar("Result")

DIED = "its process died, perhaps for lack of memory"
PATIENCE = 0.5  # seconds between two looks at `stopping`


def in_processes(
    items: Sequence[Item],
    work: Callable[[Item], Result],
    count: int,
    threads: int,
    lost: Callable[[Item], Result],
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, Result]]:
    """The number and the result of `work` for each item, as they come from `count` processes of `threads` threads.

    An item whose process dies is `lost`, and another process takes its place. Once `stopping` says so, no further item
    is begun, and the iterator ends after those that were. If it is closed before, the processes are killed.
    """
    left = iter(range(len(items)))
    at_work: dict[Connection, int] = {}  # the number of the item that each process works on
    processes: dict[Connection, multiprocessing.process.BaseProcess] = {}

    def give(connection: Connection) -> None:
        number = None if stopping() else next(left, None)
        if number is None:
            connection.close()  # which ends the process
            processes.pop(connection)
        else:
            at_work[connection] = number
            with suppress(OSError):  # the process may have died; then nothing comes back
                connection.send(items[number])

    def start() -> None:
        connection, process = _start(work, threads)
        processes[connection] = process
        give(connection)

    try:
        for _ in range(min(count, len(items))):
            start()
        while at_work:
            stopping()  # which may have something to say
            for connection in wait([*at_work], PATIENCE):
                assert isinstance(connection, Connection)
                number = at_work.pop(connection)
                try:
                    result: Result = connection.recv()
                except (EOFError, ConnectionError):
                    processes.pop(connection)
                    start()
                    result = lost(items[number])
                else:
                    give(connection)
                yield number, result
    finally:
        for process in processes.values():
            process.kill()


def _start(work: Callable[[Item], Result], threads: int) -> tuple[Connection, multiprocessing.process.BaseProcess]:
    context = multiprocessing.get_context("spawn")  # OpenMP's threads do not survive a fork
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work, threads), daemon=True)
    with signals_held_back():  # in the process, too, until it ignores them
        process.start()
    theirs.close()  # so that the pipe breaks if the process dies
    return ours, process


def _serve(connection: Connection, work: Callable[[Item], Result], threads: int) -> None:
    """Do the work on each item that arrives, until the main process closes the connection."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # the main process decides; a terminal sends these to all
    threading.Thread(target=end_with_parent, daemon=True).start()
    use_threads(threads)
    return_large_blocks()
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        connection.send(work(item))


def end_with_parent() -> None:
    """Wait for the end of the main process, then end this one: if the main process was killed, nothing else would."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
