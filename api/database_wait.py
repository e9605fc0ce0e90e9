"""How a greenlet waits for PostgreSQL: the others go on meanwhile, and it does not wait for ever.

libpq's own limits do not hold here: its `connect_timeout` is for those who block, and what TCP notices is a machine
that is gone, not a server that stands still. So whoever hears nothing for SILENT_S gives up, and psycopg2 closes that
connection.

One request may wait for a rested connection, then for a new one, then for a last question. So once nobody has heard of
the database for SILENT_S, others wait for HURRIED_S only, until it speaks again or RESPITE_S are over: all of it stays
within the 2 s in which a 503 is due. Where others hear of it, it is one statement that is slow, and nobody is hurried.
"""

from math import inf
from time import monotonic

import psycopg2
from gevent import get_hub
from gevent.socket import cancel_wait
from psycopg2 import extensions

from shared.store.patience import patience_s

SILENT_S = 1.4
HURRIED_S = 0.25
RESPITE_S = 2.0

#: what psycopg2 waits for is, as a number, what gevent's loop watches for
_WAITS = (extensions.POLL_READ, extensions.POLL_WRITE)


class DatabaseWait:
    """What this process has heard of its database, and for how long it listens."""

    def __init__(self) -> None:
        self._heard_at = self._silent_at = -inf

    def __call__(self, connection: extensions.connection) -> None:
        """Return when the connection has done what it was asked for; psycopg2's wait callback.

        Raises psycopg2.OperationalError when it is silent for too long.
        """
        while (state := connection.poll()) != extensions.POLL_OK:
            if state not in _WAITS:
                raise psycopg2.OperationalError(f"PostgreSQL's connection cannot be waited for: {state}")
            self._wait(connection.fileno(), state)

    def _wait(self, fd: int, state: int) -> None:
        began = monotonic()
        hurried = self._heard_at < self._silent_at and began < self._silent_at + RESPITE_S
        try:
            _ready(fd, state, HURRIED_S if hurried else patience_s.get() or SILENT_S)
        except TimeoutError as error:
            if not hurried and self._heard_at < began:
                self._silent_at = monotonic()
            raise psycopg2.OperationalError("PostgreSQL is silent") from error
        if state == extensions.POLL_READ:  # a server that stands still can be written to
            self._heard_at = monotonic()


def install() -> None:
    """Let every connection of this process wait so from now on."""
    extensions.set_wait_callback(DatabaseWait())


def _ready(fd: int, state: int, within_s: float) -> None:
    """Wait until `fd` can be read or written; raises TimeoutError.

    gevent's own `wait_read(timeout=…)` costs each statement 15 µs more. `cancel_wait` lets what has come meanwhile go
    first: a loop that stood still loses no answer.
    """
    loop = get_hub().loop
    ready, late = loop.io(fd, state), loop.timer(within_s)
    late.start(cancel_wait, ready, TimeoutError, update=True)
    try:
        get_hub().wait(ready)
    finally:
        late.close()
        ready.close()
