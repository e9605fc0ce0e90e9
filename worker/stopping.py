"""Whether this worker is asked to stop, and until when its running job may go on.

    SIGTERM, Ctrl-C to the parent   no new job; the running one may go on for the grace time
    `celery control shutdown`       the same
    SIGQUIT, a second Ctrl-C        the running job is given back at once
    SIGTERM to the child alone      (Flower's "terminate") its job is given back, a new child starts

The parent learns of a stop, the child does the work: both see one value in shared memory,
made before the fork and without a lock (a killed child would keep it). A signal to the
whole process group reaches both; the child waits a moment for what the parent says.
"""

import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: a child that got a SIGTERM learns within this whether its parent stops too
GROUP_SIGNAL_S = 1.0

#: monotonic seconds of the deadline; 0 while nobody asked to stop (one clock on one machine)
_deadline = multiprocessing.RawValue("d", 0.0)


class _Child:
    """What this child process knows of itself."""

    told_at: float | None = None


def ask_to_stop(grace_s: float) -> None:
    """Begin the stop: no new job; the running one may go on for `grace_s` seconds, never longer than asked before."""
    until = time.monotonic() + grace_s
    _deadline.value = min(_deadline.value or until, until)


def is_stopping() -> bool:
    """Whether no new job may begin."""
    return bool(_deadline.value) or _Child.told_at is not None


def is_overdue() -> bool:
    """Whether the running job must be given back now."""
    if _deadline.value:
        return bool(time.monotonic() >= _deadline.value)
    return _Child.told_at is not None and time.monotonic() >= _Child.told_at + GROUP_SIGNAL_S


def wait_unless_stopping(seconds: float, slice_s: float = 0.1) -> bool:
    """Wait; return False at once when a stop is asked for meanwhile."""
    until = time.monotonic() + seconds
    while not is_stopping():
        left = until - time.monotonic()
        if left <= 0:
            return True
        time.sleep(min(slice_s, left))
    return False


def hasten_on(number: int) -> None:
    """Have a signal, beside what the parent does at it now, end the running job's grace."""
    before = signal.getsignal(number)

    def hasten(number: int, frame: FrameType | None) -> None:
        ask_to_stop(0)
        if callable(before):
            before(number, frame)

    signal.signal(number, hasten)


@contextmanager
def at_work() -> Iterator[None]:
    """While the block runs a SIGTERM to this child is a wish to give the job back; afterwards the child ends."""
    before = signal.signal(signal.SIGTERM, _on_term)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
    if _Child.told_at is not None and not _deadline.value:
        sys.exit(0)


def begin_anew() -> None:
    """Forget a stop; a process that starts has not been asked."""
    _deadline.value = 0.0
    _Child.told_at = None


def _on_term(_number: int, _frame: FrameType | None) -> None:
    _Child.told_at = time.monotonic()
