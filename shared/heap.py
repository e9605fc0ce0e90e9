"""The heap of a process that rests: what was freed is given back to the system.

The C library keeps freed memory for the next need, in each thread's own arena. After a thousand pictures that is as
much again as a GPU worker itself needs: while jobs follow each other it is in use, without jobs it is not. The
maintenance worker needs some megabytes only while it compares a long line with Redis.
"""

import ctypes


def give_back() -> None:
    """Return freed memory to the system; a C library that cannot (musl, macOS) keeps it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
