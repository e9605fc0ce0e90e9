"""The relay of one process: its greenlets, its sockets, its end."""

import logging
from collections.abc import Callable
from time import monotonic

import gevent
from gevent.event import Event

from api.relay.connection import RESTART, Close, Link
from api.relay.dispatcher import Dispatcher
from api.relay.heartbeat import Heartbeat
from api.relay.line import Line
from api.relay.listener import Listener
from api.relay.messages import Message
from api.relay.ports import Feed
from api.relay.presence import Presence
from api.relay.room import Room
from api.relay.seats import Seats
from api.relay.session import Session
from api.relay.sweep import Sweep
from shared import redis_link
from shared.domain.events import EventType
from shared.domain.identity import Identity
from shared.events_bus import Publisher

log = logging.getLogger(__name__)

#: how long a first socket waits for the subscription
SUBSCRIBED_WITHIN_S = 1.0
#: so many sockets a second are told at once what makes each of them ask something of the store, or reconnect
PACE_PER_S = 1000
PER_STEP = 50


class Relay:
    """Every socket of this process, and what feeds them."""

    def __init__(self, room: Room, *, redis_url: str, feed: Feed, processes: int = 1) -> None:
        redis = redis_link.connect(redis_url)
        self.room = room
        if processes > 1:
            room.seats = Seats(redis, most=room.sockets_per_user)
        #: set from SIGTERM on: whoever waits for something should answer now
        self.draining = Event()
        dispatcher = Dispatcher(room)
        self._line = Line(feed, dispatcher, room)
        self._listener = Listener(
            redis_url,
            publisher=Publisher(redis),
            on_event=dispatcher.live,
            on_line=room.moved.set,
            on_gap_closed=self._gap_closed,
        )
        self._sweep = Sweep(feed, dispatcher, connected=self._listener.connected, news=room.moved)
        self._heartbeat = Heartbeat(room)
        self._presence = Presence(redis, room)
        self._greenlets: list[gevent.Greenlet] = []

    @property
    def listening(self) -> bool:
        """Whether the subscription is known to work."""
        return bool(self._listener.connected.is_set())

    def start(self) -> None:
        """Subscribe and begin to tell; nothing happens the second time."""
        if not self._greenlets:
            bodies: list[Callable[[], None]] = [
                self._listener.run, self._listener.beat, self._sweep.run, self._line.run, self._heartbeat.run,
                self._presence.run,
            ]  # fmt: skip
            if self.room.seats is not None:
                bodies.append(self.room.seats.run)
            self._greenlets = [gevent.spawn(body) for body in bodies]

    def stop(self) -> None:
        """End every greenlet of the relay's own; for tests and the end of the process."""
        greenlets, self._greenlets = self._greenlets, []
        gevent.killall(greenlets)

    def serve(self, link: Link, who: Identity | Close | None) -> None:
        """Serve one upgraded socket until it ends; runs in its handler's greenlet.

        `who` is its identity, None for one that will tell by its first message, or the close that refuses it.
        """
        self.start()
        session = Session(link, self.room)
        try:
            self._begin(session, who)
            session.connection.read(session.hear)
        finally:
            session.dispose()

    def drain(self, window_s: float) -> None:
        """Close every socket with 1012, spread over at most `window_s`; new ones are closed at once."""
        self.draining.set()
        self._spread(window_s, lambda session: session.connection.close(RESTART))
        if self.room.seats is not None:
            self.room.seats.give_all_back()

    def _begin(self, session: Session, who: Identity | Close | None) -> None:
        if self.draining.is_set():
            session.connection.close(RESTART)
        elif isinstance(who, Close):
            session.connection.close(who)
        elif who is None:
            session.wait_for_auth()
        else:
            self.room.strangers.add(session)  # a drain that begins meanwhile tells it too
            self._listener.connected.wait(SUBSCRIBED_WITHIN_S)
            session.welcome(who)

    def _gap_closed(self) -> None:
        self._sweep.soon()
        self.room.moved.set()
        gevent.spawn(self._resync)

    def _resync(self) -> None:
        resync = Message.of({"type": EventType.RESYNC.value})
        self._spread(60.0, lambda session: session.connection.push(resync))

    def _spread(self, window_s: float, act: Callable[[Session], None]) -> None:
        sessions = self.room.everyone()
        pace = max(PACE_PER_S, len(sessions) / window_s)
        began = monotonic()
        for done, session in enumerate(sessions, start=1):
            act(session)
            if not done % PER_STEP:
                gevent.sleep(max(0.0, began + done / pace - monotonic()))
