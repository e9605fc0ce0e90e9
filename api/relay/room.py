"""What the sockets of one process share."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from gevent.event import Event
from gevent.lock import BoundedSemaphore

from api.metrics_relay import WEBSOCKETS_OPEN
from api.relay.clocks import Deadlines, Turns
from api.relay.messages import stamp_of
from api.relay.ports import Feed, Place, TokenReader
from api.relay.registry import Registry
from api.relay.seats import Seats
from api.relay.seen import Seen

if TYPE_CHECKING:
    from api.relay.session import Session

#: so many snapshots are read from the store at the same time
READERS = 8
HEARTBEAT_SLOTS = 20
#: of the line's totals, what every socket is told when it changes
TOLD_TO_ALL = ("held", "paused", "retry_at")


class Told(NamedTuple):
    """What was told of the line: the places of jobs, and held, paused and retry_at."""

    places: dict[str, int]
    state: tuple[Any, ...]

    @classmethod
    def of(cls, queue: dict[str, Any], places: Iterable[Place]) -> Self:
        """Return what a look at the line tells."""
        return cls({place.job_id: place.queue_position for place in places}, _state(queue))

    @classmethod
    def by_snapshot(cls, view: dict[str, Any]) -> Self:
        """Return what a snapshot tells."""
        return cls({job["job_id"]: job.get("queue_position", 0) for job in view["jobs"]}, _state(view["queue"]))


def _state(queue: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(queue.get(name) for name in TOLD_TO_ALL)


class Room:
    """The registry and the clocks of every socket here, and what they read from."""

    def __init__(
        self, *, feed: Feed, tokens: TokenReader, auth_mode: str, sockets_per_user: int, socket_buffer: int
    ) -> None:
        self.feed = feed
        self.tokens = tokens
        self.auth_mode = auth_mode
        self.sockets_per_user = sockets_per_user
        self.socket_buffer = socket_buffer
        self.registry: Registry[Session] = Registry()
        self.strangers: set[Session] = set()
        self.deadlines: Deadlines[Session] = Deadlines()
        self.turns: Turns[Session] = Turns(HEARTBEAT_SLOTS)
        self.reading = BoundedSemaphore(READERS)
        #: set when a member has come whose presence Redis does not know yet
        self.came = Event()
        #: set when the line may have moved, or somebody was not told what a look at it found
        self.moved = Event()
        #: counts sockets over all processes, where there are several
        self.seats: Seats | None = None
        self.seen = Seen()
        self._fresh: dict[Session, Told] = {}

    @property
    def local(self) -> bool:
        """Whether everyone is the one local user."""
        return self.auth_mode == "local"

    def everyone(self) -> list["Session"]:
        """Return every open socket, strangers too; a copy."""
        return [*self.registry.everyone(), *self.strangers]

    def admits(self, session: "Session", user_id: str) -> bool:
        """Tell whether one more socket of this user may be open, and let it take its seat."""
        if self.registry.sockets_of(user_id) >= self.sockets_per_user:
            return False
        if self.seats is not None:
            session.seat = self.seats.take(user_id)
            return session.seat is not None
        return True

    def enter(self, session: "Session") -> None:
        """Register a socket: from now on it receives events and heartbeats."""
        self.strangers.discard(session)
        self.registry.add(session)
        self.turns.add(session)
        WEBSOCKETS_OPEN.inc()
        self.came.set()

    def leave(self, session: "Session") -> None:
        """Take a socket out; nothing happens the second time."""
        before = len(self.registry)
        self.strangers.discard(session)
        self.registry.remove(session)
        self.turns.remove(session)
        self._fresh.pop(session, None)
        if self.seats is not None:
            self.seats.give_back(session.seat)
        WEBSOCKETS_OPEN.dec(before - len(self.registry))

    def snapshot_told(self, session: "Session", view: dict[str, Any]) -> None:
        """Remember what a socket's snapshot told of jobs and, until the next look at it, of the line."""
        if not session.connection.closing:
            self._fresh[session] = Told.by_snapshot(view)
        for job in view["jobs"]:
            self.seen.told(job["job_id"], stamp_of(job))

    def take_fresh(self) -> dict["Session", Told]:
        """Return what snapshots told since the last look, and forget it."""
        fresh, self._fresh = self._fresh, {}
        return fresh

    def has_fresh(self, session: "Session") -> bool:
        """Tell whether a snapshot told a socket something since the last look."""
        return session in self._fresh

    def give_back(self, fresh: dict["Session", Told]) -> None:
        """Remember again what `take_fresh` returned, where no snapshot has told anything newer since."""
        here = {session: told for session, told in fresh.items() if not session.connection.closing}
        self._fresh = here | self._fresh
