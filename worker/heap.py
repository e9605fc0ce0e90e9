"""The heap of a worker that rests: what pictures of some megabytes cut it into is given back to the system.

The C library keeps what was freed for the next picture, in each thread's own arena; after a thousand pictures that is
as much again as the worker itself needs. A row of jobs keeps it, for it is in use; a worker without jobs does not.
"""

import ctypes


def give_back() -> None:
    """Return freed memory to the system; a C library that cannot (musl, macOS) keeps it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
