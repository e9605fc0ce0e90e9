"""Heartbeats, by a clock of the test's own."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import gevent
import pytest
from gevent import socket
from gevent.event import Event
from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionType
from wsproto.events import CloseConnection, Ping, TextMessage

from api.relay.connection import Link
from api.relay.heartbeat import SILENT_S, STALLED_S, Heartbeat
from api.relay.messages import Message
from api.relay.room import HEARTBEAT_SLOTS, Room
from api.relay.session import HEARTBEAT_S, Session
from shared.domain.identity import Identity
from tests.relay_stage import WithoutTcp


class Feed:
    """Has nothing to tell."""

    def snapshot(self, identity: Identity) -> dict[str, Any]:
        return {"jobs": [], "queue": {}, "truncated": False}


@pytest.fixture
def room() -> Room:
    return Room(feed=Feed(), tokens=Feed(), auth_mode="jwt", sockets_per_user=9, socket_buffer=256)  # type: ignore[arg-type]


class Browser:
    """A session and the browser's end of its socket."""

    def __init__(self, room: Room) -> None:
        ours, self.sock = socket.socketpair()
        self.sock.settimeout(0)
        self._protocol = Protocol(ConnectionType.CLIENT)
        self.session = Session(Link(WithoutTcp(ours), Protocol(ConnectionType.SERVER)), room)
        self.session.identity = Identity("42", "alice")
        room.enter(self.session)

    def events(self) -> list[Any]:
        """Everything that came since."""
        try:
            self._protocol.receive_data(self.sock.recv(65536))
        except BlockingIOError:
            return []
        return list(self._protocol.events())

    def stop_reading(self) -> None:
        """Let the kernel be full."""
        while self.session.connection.outbox.stalled_at is None:
            self.session.connection.push(Message("filler", b"x" * 65536))


@pytest.fixture
def browser(room: Room) -> Iterator[Browser]:
    browser = Browser(room)
    yield browser
    browser.session.dispose()
    browser.sock.close()
    browser.session.connection._sock.close()


def seconds(heartbeat: Heartbeat, start: float, count: int) -> None:
    for second in range(1, count + 1):
        heartbeat.once(start + second * HEARTBEAT_S / HEARTBEAT_SLOTS + 0.001)


def test_both_pings_come_once_in_twenty_seconds(room: Room, browser: Browser) -> None:
    start = monotonic()
    heartbeat = Heartbeat(room)
    seconds(heartbeat, start, HEARTBEAT_S - 1)
    assert browser.events() == []
    seconds(heartbeat, start + HEARTBEAT_S - 1, 1)
    ping, told = browser.events()
    assert isinstance(ping, Ping)
    assert isinstance(told, TextMessage)
    assert '"type":"ping"' in told.data
    assert '"server_time":' in told.data


def test_a_peer_that_answers_nothing_is_cut_within_a_minute(room: Room, browser: Browser) -> None:
    start = monotonic()
    heartbeat = Heartbeat(room)
    seconds(heartbeat, start, 60)
    assert browser.session.connection.closing
    assert len(room.registry) == 0
    assert SILENT_S + HEARTBEAT_S < 60


def test_a_peer_that_answers_stays(room: Room, browser: Browser) -> None:
    start = monotonic()
    heartbeat = Heartbeat(room)
    for minute in range(3):
        for part in range(3):
            browser.session.connection.heard_at = start + minute * 60 + part * 20
            seconds(heartbeat, start + minute * 60 + part * 20, 20)
    assert not browser.session.connection.closing
    assert len(browser.events()) == 2 * 9


def test_a_peer_that_answers_but_takes_nothing_is_closed_as_too_slow(room: Room, browser: Browser) -> None:
    browser.stop_reading()
    start = monotonic()
    heartbeat = Heartbeat(room)
    for second in range(60):
        browser.session.connection.heard_at = start + second
        seconds(heartbeat, start + second, 1)
    assert browser.session.connection.closing
    assert STALLED_S + HEARTBEAT_S < 60


def test_a_peer_that_does_not_answer_our_close_is_cut(room: Room, browser: Browser) -> None:
    start = monotonic()
    heartbeat = Heartbeat(room)
    heartbeat.once(start)
    browser.session.due()
    assert isinstance(browser.events()[0], CloseConnection)
    assert len(room.deadlines) == 1
    seconds(heartbeat, start, 10)
    assert browser.sock.recv(10) == b""


class SlowTokens:
    """Finds every token good, for an hour, when the test lets it."""

    def __init__(self) -> None:
        self.asked, self.gate = Event(), Event()

    def from_token(self, _: str) -> Identity:
        self.asked.set()
        self.gate.wait()
        return Identity("42", "alice", expires_at=datetime.now(UTC) + timedelta(hours=1))


def test_a_token_found_good_after_our_close_gives_its_peer_no_more_time(room: Room, browser: Browser) -> None:
    room.tokens = tokens = SlowTokens()
    start = monotonic()
    heartbeat = Heartbeat(room)
    heartbeat.once(start)
    hearing = gevent.spawn(browser.session.hear, json.dumps({"type": "auth", "token": "newer"}))
    tokens.asked.wait()
    browser.session.due()
    tokens.gate.set()
    hearing.get()
    assert isinstance(browser.events()[0], CloseConnection)
    seconds(heartbeat, start, 10)
    assert browser.sock.recv(10) == b""
