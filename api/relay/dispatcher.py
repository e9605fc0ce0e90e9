"""One event to every socket it is for, framed once; one that was overtaken on its way is dropped once for all."""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from time import monotonic, perf_counter

import gevent

from api.give_way import give_way
from api.metrics_relay import EVENTS_IN, EVENTS_OUT, EVENTS_SWEPT, FANOUT
from api.relay.messages import JobEvent, Message
from api.relay.outbox import Outbox
from api.relay.ports import Addressed
from api.relay.room import Room
from shared.domain.events import to_json

#: after so many messages, to one socket each, the others of this process get a turn
YIELD_EVERY = 256
#: a sweep may bring thousands of changes of one user. It goes no faster than they are read, or who reads well would be
#: found too slow; but in all it waits no longer than this, for the others' changes wait with it
SWEPT_PATIENCE_S = 2.0
SWEPT_PAUSE_S = 0.005
#: after so many changes the others of this process get a turn
SWEPT_AT_ONCE = 16


class Dispatcher:
    """Hands messages to the sockets of this process."""

    def __init__(self, room: Room) -> None:
        self._room = room
        #: messages since the others had a turn
        self._pushed = 0

    def live(self, audience: frozenset[str], body: bytes) -> None:
        """Deliver an event that came from Redis; `body` is its JSON."""
        arrived = perf_counter()
        event = JobEvent(body)
        EVENTS_IN.inc()
        if self._room.seen.live(event.key[1], event.stamp):
            self._tell(audience, event)
        FANOUT.observe(perf_counter() - arrived)

    def present(self) -> Collection[str]:
        """Return every typed member who has a socket here."""
        return self._room.registry.members()

    def swept(self, changes: Iterable[Addressed]) -> int:
        """Deliver what the subscription did not bring; returns how many that were."""
        news = 0
        patience = SWEPT_PATIENCE_S
        for audience, change in changes:
            event = JobEvent(to_json(change))
            patience -= self._until_read(audience, patience)  # a newer one may pass meanwhile: look at `seen` after it
            if self._room.seen.swept(event.key[1], event.stamp):
                news += 1
                self._tell(audience, event)
                if not news % SWEPT_AT_ONCE:
                    give_way()
        EVENTS_SWEPT.inc(news)
        return news

    def _until_read(self, audience: frozenset[str], patience: float) -> float:
        """Wait until no socket of `audience` is crowded, at most `patience` seconds; returns how long it was."""
        began = monotonic()
        while any(outbox.crowded for outbox in self._room.registry.audience(audience).values()):
            if monotonic() - began >= patience:
                break
            gevent.sleep(SWEPT_PAUSE_S)
        return monotonic() - began

    def deliver(
        self, outboxes: Sequence[Outbox], message: Message, overtaken: Callable[[], bool] = lambda: False
    ) -> None:
        """Push one message to each of `outboxes`, a copy; now and then the others get a turn.

        What was overtaken in such a turn is pushed to nobody more: the newer is, or will be, told to all.
        """
        for start in range(0, len(outboxes), YIELD_EVERY):
            some = outboxes[start : start + YIELD_EVERY]
            for outbox in some:
                outbox.push(message)
            EVENTS_OUT.inc(len(some))
            self._pushed += len(some)
            if self._pushed >= YIELD_EVERY:
                self._pushed = 0
                give_way()
                if overtaken():
                    return

    def _tell(self, audience: frozenset[str], event: JobEvent) -> None:
        outboxes = tuple(self._room.registry.audience(audience).values())
        self.deliver(outboxes, event, partial(self._room.seen.is_past, event.key[1], event.stamp))
