"""Wait for a condition instead of sleeping."""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeVar

Found = TypeVar("Found")

#: what comes at once is seen at once; what takes long is asked for ever more rarely, and costs the machine less
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.01, 0.06


def wait_for(condition: Callable[[], Found], *, timeout_s: float = 30.0, what: str = "") -> Found:
    """Return the first truthy value of `condition`; raise AssertionError after `timeout_s`."""
    began, pause_s = time.monotonic(), FIRST_PAUSE_S
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() - began > timeout_s:
            raise AssertionError(f"gave up after {timeout_s} s: {what or condition}")
        time.sleep(pause_s)
        pause_s = min(LONGEST_PAUSE_S, pause_s * 1.3)


def in_time(seconds: Callable[[], float], within_s: float) -> bool:
    """Tell whether something takes less than `within_s` on one of three occasions.

    What else a busy machine does can only add to a time; what is slow by itself is slow on all of them.
    """
    return any(seconds() < within_s for _ in range(3))


def assert_in_time(took_s: Sequence[float], within_s: float) -> None:
    """Of several in a row most are within the time; one that met a busy machine is within twice as much."""
    assert median(took_s) < within_s
    assert max(took_s) < 2 * within_s
