"""Wait for a condition instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PAUSE_S = 0.02


def wait_for(condition: Callable[[], Found], *, timeout_s: float = 30.0, what: str = "") -> Found:
    """Return the first truthy value of `condition`; raise AssertionError after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"gave up after {timeout_s} s: {what or condition}")
        time.sleep(PAUSE_S)
