"""The heap of a process: left alone while it grows, and given back to the system when it rests.

The C library keeps freed memory for the next need, in each thread's own arena. After a thousand pictures that is as
much again as a GPU worker itself needs: while jobs follow each other it is in use, without jobs it is not. The
maintenance worker needs some megabytes only while it compares a long line with Redis.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def growing() -> Iterator[None]:
    """Keep the collector away while modules are loaded: it would look through all of them some hundred times.

    A sixth of the time a process takes to begin; none of what is loaded is garbage.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def give_back() -> None:
    """Return freed memory to the system; a C library that cannot (musl, macOS) keeps it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
