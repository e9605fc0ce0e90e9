"""Both ways, so that each side knows the other lives.

Every HEARTBEAT_S a socket gets a protocol ping, which browsers answer by themselves, and an application ping, which the
page can see. One that was not heard of for SILENT_S by its turn is dead; one that takes nothing for STALLED_S is too
slow. So a dead peer is found within 2 x HEARTBEAT_S.
"""

import logging
from datetime import UTC, datetime
from time import monotonic

import gevent
from wsproto.frame_protocol import FrameProtocol

from api.give_way import give_way
from api.relay.clocks import RESOLUTION_S
from api.relay.connection import TOO_SLOW
from api.relay.dispatcher import YIELD_EVERY
from api.relay.messages import Message, text_frame
from api.relay.room import HEARTBEAT_SLOTS, Room
from api.relay.session import HEARTBEAT_S, Session
from shared.domain.events import EventType, to_json
from shared.domain.jobs import iso

log = logging.getLogger(__name__)

SILENT_S = 1.75 * HEARTBEAT_S
STALLED_S = 30.0
SLOT_S = HEARTBEAT_S / HEARTBEAT_SLOTS
PROTOCOL_PING = bytes(FrameProtocol(False, []).ping())


class Heartbeat:
    """Turns the wheels of the room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._next_turn = monotonic() + SLOT_S

    def run(self) -> None:
        """Beat for ever; a greenlet's body."""
        while True:
            gevent.sleep(RESOLUTION_S)
            try:
                self.once(monotonic())
            except Exception:
                log.exception("a heartbeat failed")

    def once(self, now: float) -> None:
        """Do what is due at `now` (monotonic seconds)."""
        for session in self._room.deadlines.due(now):
            session.due()
        if now >= self._next_turn:
            self._next_turn = max(self._next_turn + SLOT_S, now)
            self._beat(self._room.turns.next(), now)

    def _beat(self, sessions: tuple[Session, ...], now: float) -> None:
        ping = _ping()
        for count, session in enumerate(sessions, start=1):
            connection = session.connection
            stalled_at = connection.outbox.stalled_at
            if connection.heard_at < now - SILENT_S:
                connection.abort()
            elif stalled_at is not None and stalled_at < now - STALLED_S:
                connection.close(TOO_SLOW)
            else:
                connection.push(ping)
            if not count % YIELD_EVERY:
                give_way()


def _ping() -> Message:
    event = {"type": EventType.PING.value, "server_time": iso(datetime.now(UTC))}
    return Message(EventType.PING.value, PROTOCOL_PING + text_frame(to_json(event)))
