"""Who may wait longer for the database than others: what reads or removes the more, the more there is.

Whether anything bounds a wait at all is the process's affair: in the API it is `api.database_wait`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: seconds a statement of such a block may be silent
PATIENT_S = 10.0

#: this greenlet's patience; None: the usual
patience_s: ContextVar[float | None] = ContextVar("patience_s", default=None)


@contextmanager
def patiently() -> Iterator[None]:
    """Let the statements inside take their time."""
    before = patience_s.set(PATIENT_S)
    try:
        yield
    finally:
        patience_s.reset(before)
