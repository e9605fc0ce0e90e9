"""Whether this worker is asked to stop, and until when its running job may go on.

The parent learns of SIGTERM, the child does the work: both see one value in shared memory,
made before the fork.
"""

import multiprocessing
import time

#: monotonic seconds of the deadline; 0 while nobody asked to stop (one clock on one machine)
_deadline = multiprocessing.Value("d", 0.0)


def ask_to_stop(grace_s: float) -> None:
    """Begin the stop: no new job; the running one may go on for `grace_s` seconds."""
    with _deadline.get_lock():
        if _deadline.value == 0.0:
            _deadline.value = time.monotonic() + grace_s


def is_stopping() -> bool:
    """Whether no new job may begin."""
    return bool(_deadline.value)


def is_overdue() -> bool:
    """Whether the running job must be given back now."""
    return bool(_deadline.value) and time.monotonic() >= _deadline.value


def wait_unless_stopping(seconds: float, slice_s: float = 0.1) -> bool:
    """Wait; return False at once when a stop is asked for meanwhile."""
    until = time.monotonic() + seconds
    while not is_stopping():
        left = until - time.monotonic()
        if left <= 0:
            return True
        time.sleep(min(slice_s, left))
    return False


def begin_anew() -> None:
    """Forget a stop; a process that starts has not been asked."""
    _deadline.value = 0.0
