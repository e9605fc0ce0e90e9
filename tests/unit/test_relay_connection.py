"""What one socket says is bounded: while it has more to say, nobody else has a turn."""

from collections.abc import Iterator

import gevent
import pytest
from gevent import socket
from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionType
from wsproto.events import CloseConnection, Ping, TextMessage

from api.relay.connection import MOST_HEARD, Connection, Link


class Pair:
    """A connection, what it heard, and the browser's end."""

    def __init__(self) -> None:
        ours, self.browser = socket.socketpair()
        self.theirs = Protocol(ConnectionType.CLIENT)
        self.heard: list[str] = []
        self.ours = _AsTcp(fileno=ours.detach())
        link = Link(self.ours, Protocol(ConnectionType.SERVER))
        self.connection = Connection(link, buffer=256, on_close=lambda: None)

    def says(self, *, times: int) -> None:
        """Put that many messages on the wire at once."""
        self.browser.sendall(b"".join(self.theirs.send(TextMessage(f"{number}")) for number in range(times)))

    def read(self) -> None:
        """Read until the connection ends, or the browser's end is closed."""
        with gevent.Timeout(10):
            self.connection.read(self.heard.append)

    def close_code(self) -> int:
        """Return the code of the close frame that was sent."""
        self.theirs.receive_data(self.browser.recv(4096))
        (event,) = self.theirs.events()
        assert isinstance(event, CloseConnection)
        return int(event.code)


class _AsTcp(socket.socket):  # type: ignore[misc]  # gevent types it not
    """A socket of a pair knows no option of TCP."""

    def setsockopt(self, *_: object) -> None:
        """Take any."""


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.connection.dispose()
    pair.ours.close()
    pair.browser.close()


def test_a_socket_that_says_too_much_in_a_second_is_closed_and_no_longer_read(pair: Pair) -> None:
    pair.says(times=5 * MOST_HEARD)
    pair.read()
    assert MOST_HEARD / 2 < len(pair.heard) < MOST_HEARD
    assert pair.close_code() == 1013


def test_what_a_page_says_is_heard(pair: Pair) -> None:
    pair.says(times=MOST_HEARD // 2)
    pair.browser.shutdown(socket.SHUT_WR)
    pair.read()
    assert pair.heard == [f"{number}" for number in range(MOST_HEARD // 2)]
    assert not pair.connection.closing


def test_bytes_without_end_that_are_no_frames_are_not_read_without_end(pair: Pair) -> None:
    pair.browser.sendall(pair.theirs.send(TextMessage("x")) + b"\xff" * 10)
    flood = gevent.spawn(_say_until_cut, pair)
    pair.read()
    pair.connection.abort()
    flood.get(timeout=10)


def _say_until_cut(pair: Pair) -> None:
    try:
        while True:
            pair.browser.sendall(b"\xff" * 100)
    except OSError:
        return


def test_empty_pieces_of_a_message_take_no_room_and_change_nothing(pair: Pair) -> None:
    begun = ['{"type"', *[""] * (MOST_HEARD // 2)]
    said = [TextMessage(piece, message_finished=False) for piece in begun]
    pair.browser.sendall(b"".join(pair.theirs.send(event) for event in (*said, Ping())))
    reading = gevent.spawn(pair.read)
    with gevent.Timeout(10):
        assert pair.browser.recv(4096), "the answer to the ping, after all pieces"
    assert pair.connection._in_pieces == [begun[0]]
    pair.browser.sendall(pair.theirs.send(TextMessage(': "pong"}')))
    pair.browser.shutdown(socket.SHUT_WR)
    reading.join(10)
    assert pair.heard == ['{"type": "pong"}']
