"""What Redis lost, the store still knows.

Every few seconds, and at once after a gap, the jobs changed since are read from the store by their change sequence and
go the way every event goes; what was dispatched before is not sent again.
"""

import logging

from gevent.event import Event

from api.relay.dispatcher import Dispatcher
from api.relay.ports import Feed
from shared.domain.errors import ForgelineError

log = logging.getLogger(__name__)

EVERY_S = 5.0
EVERY_WHILE_LOST_S = 1.0


class Sweep:
    """Looks at the store for changes that no event told."""

    def __init__(self, feed: Feed, dispatcher: Dispatcher, *, connected: Event, news: Event) -> None:
        self._feed = feed
        self._dispatcher = dispatcher
        self._connected = connected
        self._news = news
        self._now = Event()
        self._seq: int | None = None

    def soon(self) -> None:
        """Look at once."""
        self._now.set()

    def run(self) -> None:
        """Look for ever; a greenlet's body."""
        while True:
            self._try_once()
            self._now.wait(EVERY_S if self._connected.is_set() else EVERY_WHILE_LOST_S)
            self._now.clear()

    def once(self) -> int:
        """Look, deliver what is new, and return how many that were; raises ForgelineError."""
        if self._seq is None:
            self._seq = self._feed.latest_seq()
            return 0
        seq, changes = self._feed.changes_since(self._seq, self._dispatcher.present)
        news = self._dispatcher.swept(changes)
        self._seq = seq  # not before all were dispatched: what broke in the middle is read again
        if news:
            self._news.set()
        return news

    def _try_once(self) -> None:
        try:
            self.once()
        except ForgelineError as error:
            log.warning("the store could not be swept: %s", error)
        except Exception:
            log.exception("a sweep failed")
