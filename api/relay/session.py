"""What one socket says and hears: authentication, hello, snapshots, expiry.

    stranger ── auth in time ──▶ known ── expiry, or a bad token ──▶ closed 4401
        └── 5 s ──▶ closed 4408

Register first, hold what comes, read the snapshot, send it, then release what is newer: nothing falls between, and
nothing older follows.
"""

import json
import logging
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any

import gevent

from api.metrics_relay import SNAPSHOT_SECONDS
from api.relay import connection as wire
from api.relay.connection import Connection, Link
from api.relay.messages import JobEvent, Message, QueueMove, Stamp, stamp_of
from api.relay.room import Room
from shared.domain.errors import ForgelineError, Unauthenticated
from shared.domain.events import PROTOCOL, EventType
from shared.domain.identity import Identity
from shared.domain.jobs import iso

log = logging.getLogger(__name__)

AUTH_WITHIN_S = 5.0
SNAPSHOT_EVERY_S = 1.0
RETRY_S = 2.0
HEARTBEAT_S = 20
NOBODY = Identity("")


class Session:
    """One browser, from the upgrade to the end."""

    __slots__ = ("_asked", "_room", "_teller", "_told_at", "connection", "identity", "outbox", "seat")

    def __init__(self, link: Link, room: Room) -> None:
        self.connection = Connection(link, buffer=room.socket_buffer, on_close=self._closing)
        self.outbox = self.connection.outbox
        self.identity = NOBODY
        self._room = room
        self._asked = False
        self._told_at: float | None = None
        self._teller: gevent.Greenlet | None = None
        self.seat: str | None = None

    @property
    def members(self) -> frozenset[str]:
        """The typed identity set this socket is registered under."""
        return self.identity.members

    @property
    def user_id(self) -> str:
        """Whose socket it is."""
        return self.identity.user_id

    def wait_for_auth(self) -> None:
        """Give a stranger AUTH_WITHIN_S to say who it is."""
        self._room.strangers.add(self)
        self._room.deadlines.set(self, monotonic() + AUTH_WITHIN_S)

    def welcome(self, identity: Identity) -> None:
        """Say hello, register, and tell the snapshot."""
        if not self._room.admits(self, identity.user_id):
            self.connection.close(wire.TOO_MANY_SOCKETS)
        if self.connection.closing:
            self._room.leave(self)
            return
        self.identity = identity
        self._expire_at(identity.expires_at)
        self.connection.push(Message.of(self._hello()))
        self.outbox.hold()
        self._room.enter(self)
        self._ask()

    def hear(self, text: str) -> None:
        """Act on one text message of the browser."""
        match _parse(text):
            case {"type": "auth", "token": str(token)}:
                self._authenticate(token)
            case {"type": "pong"}:
                pass
            case {"type": "snapshot"} if self.identity is NOBODY:
                self.connection.close(wire.UNAUTHENTICATED)
            case {"type": "snapshot"}:
                self._ask()
            case _:
                self.connection.close(wire.NOT_A_MESSAGE)

    def due(self) -> None:
        """The moment this socket had is here: no auth in time, an expired token, or no answer to our close."""
        if self.connection.closing:
            self.connection.abort()
        else:
            self.connection.close(wire.NO_AUTH_IN_TIME if self.identity is NOBODY else wire.UNAUTHENTICATED)

    def _closing(self) -> None:
        """Receive no events from now on, and end soon."""
        self._room.leave(self)
        stalled = self.outbox.stalled_at is not None
        self._room.deadlines.set(self, monotonic() + (wire.STALLED_LINGER_S if stalled else wire.LINGER_S))

    def dispose(self) -> None:
        """Leave nothing behind; called once, by the reader's greenlet."""
        self.connection.dispose()
        self._room.leave(self)
        self._room.deadlines.clear(self)
        teller, self._teller = self._teller, None
        if teller is not None:
            teller.kill(block=False)

    def _authenticate(self, token: str) -> None:
        if self._room.local:
            return
        try:
            identity = self._room.tokens.from_token(token)
        except Unauthenticated:
            self.connection.close(wire.UNAUTHENTICATED)
            return
        except ForgelineError:
            self.connection.close(wire.BUSY)
            return
        if self.connection.closing:  # meanwhile: its deadline is now that of the peer's answer to our close
            return
        if self.identity is NOBODY:
            self.welcome(identity)
        elif identity.user_id == self.identity.user_id:
            self._expire_at(identity.expires_at)
        else:
            self.connection.close(wire.UNAUTHENTICATED)

    def _expire_at(self, moment: datetime | None) -> None:
        if moment is None:
            self._room.deadlines.clear(self)
        else:
            left_s = (moment - datetime.now(UTC)).total_seconds()
            self._room.deadlines.set(self, monotonic() + left_s)

    def _hello(self) -> dict[str, Any]:
        return {
            "type": EventType.HELLO.value,
            "protocol": PROTOCOL,
            "user": self.identity.view(self._room.auth_mode),
            "heartbeat_s": HEARTBEAT_S,
            "server_time": iso(datetime.now(UTC)),
        }

    def _ask(self) -> None:
        self._asked = True
        if self._teller is None:
            self._teller = gevent.spawn(self._tell)

    def _tell(self) -> None:
        try:
            while self._asked and not self.connection.closing:
                gevent.sleep(self._wait_s())
                self._asked = not self._tell_once()
        finally:
            self._teller = None

    def _wait_s(self) -> float:
        if self.outbox.stalled_at is not None:
            return SNAPSHOT_EVERY_S
        return 0.0 if self._told_at is None else max(0.0, self._told_at + SNAPSHOT_EVERY_S - monotonic())

    def _tell_once(self) -> bool:
        outbox = self.outbox
        if outbox.stalled_at is not None:
            return False
        outbox.hold()
        try:
            with SNAPSHOT_SECONDS.time(), self._room.reading:
                view = self._room.feed.snapshot(self.identity)
        except ForgelineError as error:
            log.warning("a snapshot could not be read: %s", error)
            if self._told_at is not None:
                outbox.release()
            gevent.sleep(RETRY_S)
            return False
        except Exception:
            log.exception("a snapshot failed")
            self.connection.close(wire.INTERNAL)
            return True
        stamps = {job["job_id"]: stamp_of(job) for job in view["jobs"]}
        self._told_at = monotonic()
        self._room.snapshot_told(self, view)
        outbox.release(Message.of({"type": EventType.SNAPSHOT.value, **view}), partial(self._is_newer, stamps))
        return True

    def _is_newer(self, stamps: dict[str, Stamp], held: Message) -> bool:
        if isinstance(held, JobEvent):
            told = stamps.get(held.key[1])
            return told is None or held.stamp > told
        if isinstance(held, QueueMove):  # which of the two looked later is not known: the next look, soon, tells
            self._room.moved.set()
            return False
        return True


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
