"""Writes that wait for a database that is away: a result is held, not thrown away.

The fence of each write says whether it still counts when the database is back. A worker
that has to stop does not wait for ever: its lease runs out, and the job runs again.
"""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from shared.store import StoreUnavailable
from worker import stopping

log = logging.getLogger(__name__)

STORE_AGAIN_S = 0.3
#: past the grace time of a stop a write is tried for so long
LAST_WORDS_S = 2.0

Found = TypeVar("Found")


def persist(write: Callable[[], Found]) -> Found:
    """Write as soon as the database is there. Raises StoreUnavailable when this worker has to stop first."""
    give_up_at: float | None = None
    told = False
    while True:
        try:
            return write()
        except StoreUnavailable:
            if not told:
                log.warning("the database is away: a write waits for it", exc_info=True)
            told = True
            if stopping.is_overdue():
                give_up_at = give_up_at or time.monotonic() + LAST_WORDS_S
            if give_up_at is not None and time.monotonic() > give_up_at:
                raise
        time.sleep(STORE_AGAIN_S)
