"""Memory of a process that converts one picture after the other; only commands ask for this, the library does not."""

import ctypes
import sys

M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
LARGE_BLOCK = 4 * 2**20  # bytes


def return_large_blocks() -> None:
    """From now on, have glibc return each large block of memory to the system as soon as it is free.

    By default it begins to keep blocks of up to 32 MiB for later: of large pictures twice the memory in use, and of
    pictures of many sizes more and more small pieces. To ask the system each time takes 5 % longer.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
