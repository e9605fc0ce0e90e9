"""What the sockets of one process share."""

from typing import TYPE_CHECKING, Any

from gevent.event import Event
from gevent.lock import BoundedSemaphore

from api.metrics_relay import WEBSOCKETS_OPEN
from api.relay.clocks import Deadlines, Turns
from api.relay.ports import Feed, TokenReader
from api.relay.registry import Registry
from shared.domain.identity import Identity

if TYPE_CHECKING:
    from api.relay.session import Session

#: so many snapshots are read from the store at the same time
READERS = 8
HEARTBEAT_SLOTS = 20


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
        self.deadlines: Deadlines[Session] = Deadlines()
        self.turns: Turns[Session] = Turns(HEARTBEAT_SLOTS)
        self.reading = BoundedSemaphore(READERS)
        #: set when a member has come whose presence Redis does not know yet
        self.came = Event()

    @property
    def local(self) -> bool:
        """Whether everyone is the one local user."""
        return self.auth_mode == "local"

    def enter(self, session: "Session") -> None:
        """Register a socket: from now on it receives events and heartbeats."""
        self.registry.add(session)
        self.turns.add(session)
        WEBSOCKETS_OPEN.inc()
        self.came.set()

    def leave(self, session: "Session") -> None:
        """Take a socket out; nothing happens the second time."""
        before = len(self.registry)
        self.registry.remove(session)
        self.turns.remove(session)
        WEBSOCKETS_OPEN.dec(before - len(self.registry))

    def describe(self, identity: Identity) -> dict[str, Any]:
        """Return the user as GET /me tells it."""
        return {
            "user_id": identity.user_id,
            "username": identity.username,
            "roles": sorted(identity.roles),
            "auth_mode": self.auth_mode,
        }
