"""Memory and threads of the process: malloc_trim after every 20 pictures, one thread for torch after a fork."""

import ctypes
import itertools
import os
import sys

TRIM_AFTER = 20  # pictures
_pictures = itertools.count(1)
_malloc_trim = getattr(ctypes.CDLL(None) if os.name == "posix" else None, "malloc_trim", None)  # glibc alone has it


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
