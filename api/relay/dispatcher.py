"""One event to every socket it is for, framed once.

`Seen` remembers the newest dispatched view of every job, so that the sweep brings only what the subscription missed.
"""

from collections import OrderedDict
from collections.abc import Iterable
from time import perf_counter

import gevent

from api.metrics_relay import EVENTS_IN, EVENTS_OUT, EVENTS_SWEPT, FANOUT
from api.relay.messages import JobEvent, Message
from api.relay.ports import Addressed
from api.relay.room import Room
from api.relay.session import Session
from shared.domain.events import to_json

#: after so many sockets the others of this process get a turn
YIELD_EVERY = 256
REMEMBERED = 20_000


class Seen:
    """The newest (attempt, version) of each job that went through here; the longest unchanged are forgotten."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._newest: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def is_news(self, event: JobEvent) -> bool:
        """Remember `event`; False when it, or a newer one of its job, was here before."""
        job_id, stamp = event.key[1], event.stamp[:2]
        known = self._newest.get(job_id)
        if known is not None and known >= stamp:
            return False
        self._newest[job_id] = stamp
        self._newest.move_to_end(job_id)
        if len(self._newest) > self._limit:
            self._newest.popitem(last=False)
        return True


class Dispatcher:
    """Hands messages to the sockets of this process."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._seen = Seen()

    def live(self, audience: frozenset[str], body: bytes) -> None:
        """Deliver an event that came from Redis; `body` is its JSON."""
        arrived = perf_counter()
        event = JobEvent(body)
        EVENTS_IN.inc()
        self.deliver(self._room.registry.audience(audience), event)
        FANOUT.observe(perf_counter() - arrived)
        self._seen.is_news(event)

    def swept(self, changes: Iterable[Addressed]) -> int:
        """Deliver what the subscription did not bring; returns how many that were."""
        news = 0
        for audience, change in changes:
            event = JobEvent(to_json(change))
            if self._seen.is_news(event):
                news += 1
                self.deliver(self._room.registry.audience(audience), event)
        EVENTS_SWEPT.inc(news)
        return news

    def deliver(self, sockets: Iterable[Session], message: Message) -> None:
        """Push one message to each of `sockets`, which must be a copy."""
        count = 0
        for count, session in enumerate(sockets, start=1):
            session.connection.outbox.push(message)
            if not count % YIELD_EVERY:
                gevent.sleep(0)
        EVENTS_OUT.inc(count)
