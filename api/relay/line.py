"""Where everyone stands, computed once per process and told to those who moved.

At most twice a second, the line is read once; each owner with a socket here gets its own moved places in one `queue`
message. A change of held, paused or retry_at goes to every socket.
"""

import logging
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import gevent
from gevent.event import Event

from api.relay.dispatcher import Dispatcher
from api.relay.messages import QueueMove
from api.relay.ports import Feed, LineView, Place
from api.relay.room import Room
from api.relay.session import Session
from shared.domain.errors import ForgelineError
from shared.domain.events import queue_moved

log = logging.getLogger(__name__)

PACE_S = 0.5
#: a worker may die, and a circuit may end its rest, without a word
LOOK_EVERY_S = 2.0
TOLD_TO_ALL = ("held", "paused", "retry_at")


class Line:
    """The waiting line as this process last told it."""

    def __init__(self, feed: Feed, dispatcher: Dispatcher, room: Room) -> None:
        self._feed = feed
        self._dispatcher = dispatcher
        self._room = room
        self._places: dict[str, int] = {}
        self._state: tuple[Any, ...] | None = None
        #: set when the line may have moved
        self.moved = Event()

    def run(self) -> None:
        """Tell for ever; a greenlet's body."""
        while True:
            self.moved.wait(LOOK_EVERY_S)
            self.moved.clear()
            if self._room.registry or self._state is None:
                self._try_once()
            gevent.sleep(PACE_S)

    def once(self) -> None:
        """Read the line and tell who moved; raises ForgelineError."""
        now = datetime.now(UTC)
        line = self._feed.line()
        moved = self._moved(line)
        told = self._tell_owners(line.queue, moved, now)
        if self._state_changed(line.queue):
            message = QueueMove(queue_moved(line.queue, [], now))
            self._dispatcher.deliver([one for one in self._room.registry.everyone() if one not in told], message)

    def _try_once(self) -> None:
        try:
            self.once()
        except ForgelineError as error:
            log.warning("the line could not be read: %s", error)
        except Exception:
            log.exception("telling the line failed")

    def _moved(self, line: LineView) -> list[Place]:
        before = self._places
        self._places = {place.job_id: place.queue_position for place in line.places}
        return [place for place in line.places if before.get(place.job_id) != place.queue_position]

    def _state_changed(self, queue: dict[str, Any]) -> bool:
        before, self._state = self._state, tuple(queue.get(name) for name in TOLD_TO_ALL)
        return before is not None and before != self._state

    def _tell_owners(self, queue: dict[str, Any], moved: list[Place], now: datetime) -> set[Session]:
        by_owner: dict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)
        for place in moved:
            by_owner[place.audience].append(
                {"job_id": place.job_id, "queue_position": place.queue_position, "eta_seconds": place.eta_seconds}
            )
        told: set[Session] = set()
        for audience, places in by_owner.items():
            sockets = self._room.registry.audience(audience)
            if sockets:
                self._dispatcher.deliver(sockets, QueueMove(queue_moved(queue, places, now)))
                told.update(sockets)
        return told
