"""Where everyone stands, computed once per process and told to those who moved.

At most twice a second, the line is read once; each owner with a socket here gets its own moved places in one `queue`
message. A change of held, paused or retry_at goes to every socket. What moved is judged by what was told: to all by the
last look, to a socket that had a snapshot since by that snapshot.
"""

import logging
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from datetime import UTC, datetime

import gevent

from api.relay.dispatcher import YIELD_EVERY, Dispatcher
from api.relay.messages import QueueMove
from api.relay.ports import Feed, Place
from api.relay.room import Room, Told
from api.relay.session import Session
from shared.domain.errors import ForgelineError
from shared.domain.events import queue_moved

log = logging.getLogger(__name__)

PACE_S = 0.5
#: a worker may die, and a circuit may end its rest, without a word
LOOK_EVERY_S = 2.0


class Line:
    """The waiting line as this process last told it."""

    def __init__(self, feed: Feed, dispatcher: Dispatcher, room: Room) -> None:
        self._feed = feed
        self._dispatcher = dispatcher
        self._room = room
        self._told: Told | None = None

    def run(self) -> None:
        """Tell for ever; a greenlet's body."""
        while True:
            self._room.moved.wait(LOOK_EVERY_S)
            self._room.moved.clear()
            if self._room.registry or self._told is None:
                self._try_once()
            gevent.sleep(PACE_S)

    def once(self) -> None:
        """Read the line and tell who moved; raises ForgelineError."""
        fresh = self._room.take_fresh()
        now = datetime.now(UTC)
        try:
            queue, places = self._feed.line(self._room.registry.members())
        except BaseException:  # the next look judges by these snapshots
            self._room.give_back(fresh)
            raise
        before, self._told = self._told, Told.of(queue, places)
        teller = _Teller(self._dispatcher, self._room, queue, self._told.places.keys(), now)
        for audience, theirs in _by_owner(places).items():
            sockets = self._room.registry.audience(audience)
            teller.places([one for one in sockets if one not in fresh], theirs, before)
            for one in fresh.keys() & sockets.keys():
                teller.places([one], theirs, fresh[one])
        teller.state({one: fresh.get(one, before) for one in self._room.registry.everyone()}, self._told)

    def _try_once(self) -> None:
        try:
            self.once()
        except ForgelineError as error:
            log.warning("the line could not be read: %s", error)
        except Exception:
            log.exception("telling the line failed")


class _Teller:
    """Tells the places and the state of one look, each socket once; others have turns meanwhile.

    Who was told a snapshot since the look is left out: it may be younger. The next look, soon, judges by it.
    """

    def __init__(
        self, dispatcher: Dispatcher, room: Room, queue: dict[str, object], waiting: Container[str], now: datetime
    ) -> None:
        self._dispatcher = dispatcher
        self._room = room
        self._queue = queue
        self._waiting = waiting
        self._now = now
        self._done: set[Session] = set()

    def places(self, sockets: Sequence[Session], places: list[Place], before: Told | None) -> None:
        """Tell `sockets` which of `places` are not as they were told before."""
        known = before.places if before else {}
        moved = [place for place in places if known.get(place.job_id) != place.queue_position]
        if sockets and moved:
            self._done.update(sockets)
            self._tell(sockets, moved)

    def state(self, before: dict[Session, Told | None], now: Told) -> None:
        """Tell every socket if held, paused or retry_at is not as it was told `before`."""
        late = [one for one, told in before.items() if told and told.state != now.state and one not in self._done]
        self._tell(late, [])

    def _tell(self, sockets: Sequence[Session], moved: list[Place]) -> None:
        rows = [
            {"job_id": place.job_id, "queue_position": place.queue_position, "eta_seconds": place.eta_seconds}
            for place in moved
        ]
        move = QueueMove(queue_moved(self._queue, rows, self._now), self._waiting)
        for start in range(0, len(sockets), YIELD_EVERY):  # who is left out is asked anew after each turn of others
            some = sockets[start : start + YIELD_EVERY]
            told = [one.outbox for one in some if not self._room.has_fresh(one)]
            if len(told) < len(some):
                self._room.moved.set()
            self._dispatcher.deliver(told, move)


def _by_owner(places: Iterable[Place]) -> dict[frozenset[str], list[Place]]:
    owners: dict[frozenset[str], list[Place]] = defaultdict(list)
    for place in places:
        owners[place.audience].append(place)
    return owners
