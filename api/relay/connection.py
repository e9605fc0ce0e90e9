"""One browser's socket: frames in, the outbox out, and every way it can end.

Flask-Sock answers the upgrade; from then on only this module touches the socket. Its own `send` cuts frames under
gevent when a reader is slow, and its pings collide with other writers, so neither is ever used: the handler's greenlet
reads, wsproto parses, and every byte out goes through the outbox.
"""

from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import NamedTuple

from gevent import socket
from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage

from api.metrics_relay import count_close
from api.relay.messages import Message
from api.relay.outbox import Outbox

MAX_MESSAGE_BYTES = 4096
RECEIVE_BYTES = 4096
#: reads and frames of one socket in a second: a page needs one or two, and each takes time from everybody
MOST_HEARD = 200
#: what the kernel may hold for one slow reader
SEND_BUFFER_BYTES = 1 << 16
#: after our close frame the peer has so long to answer
LINGER_S = 5.0
#: and so long if it does not even take what was begun
STALLED_LINGER_S = 30.0


class Close(NamedTuple):
    """A close code and its reason."""

    code: int
    reason: str


NOT_A_MESSAGE = Close(1003, "not a message of this protocol")
TOO_BIG = Close(1009, "message too big")
INTERNAL = Close(1011, "internal error")
RESTART = Close(1012, "server restarts")
TOO_SLOW = Close(1013, "too slow")
TOO_TALKATIVE = Close(1013, "too many messages")
BUSY = Close(1013, "try again later")
UNAUTHENTICATED = Close(4401, "not authenticated")
NO_AUTH_IN_TIME = Close(4408, "no authentication in time")
TOO_MANY_SOCKETS = Close(4429, "too many sockets")
LOST = 1006


class Link(NamedTuple):
    """An upgraded socket and the protocol that parses it."""

    sock: socket.socket
    protocol: Protocol


class Connection:
    """The wire of one socket."""

    __slots__ = (
        "_close_code",
        "_deaf",
        "_heard",
        "_hears_until",
        "_in_pieces",
        "_on_close",
        "_protocol",
        "_size",
        "_sock",
        "closing",
        "heard_at",
        "outbox",
    )

    def __init__(self, link: Link, *, buffer: int, on_close: Callable[[], None]) -> None:
        self._sock, self._protocol = link
        self._on_close: Callable[[], None] | None = on_close
        self._in_pieces: list[str] = []
        self._size = 0
        self._heard, self._hears_until = 0, 0.0
        self._deaf = False
        self._close_code = LOST
        #: whether a close frame was sent, or will be
        self.closing = False
        #: when the peer was last heard of, monotonic seconds
        self.heard_at = monotonic()
        self.outbox = Outbox(self._sock, limit=buffer, peer=self)
        self._sock.settimeout(None)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self, on_text: Callable[[str], None]) -> None:
        """Hand every text message to `on_text` until the socket has ended."""
        try:
            while data := self._sock.recv(RECEIVE_BYTES):
                self.heard_at = monotonic()
                if not self._bears_more() or not (self._deaf or self._parse(data, on_text)):
                    return
        except OSError:
            return

    def push(self, message: Message) -> None:
        """Send `message` in its turn."""
        self.outbox.push(message)

    def close(self, why: Close) -> None:
        """Send the close frame; what waited is dropped. The peer's answer, or `abort`, ends the socket."""
        if self.closing:
            return
        self._ending(why.code)
        if self._protocol.state is ConnectionState.OPEN:
            self.outbox.finish(bytes(self._protocol.send(CloseConnection(why.code, why.reason))))

    def abort(self) -> None:
        """End the socket now; its reader wakes up and leaves."""
        if not self.closing:
            self._ending(LOST)
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def dispose(self) -> None:
        """Count the end and break every cycle; called once, by the reader's greenlet, before the socket is closed."""
        if not self.closing:
            self._ending(LOST)
        count_close(self._close_code)
        self.outbox.close()
        self._on_close = None

    def overflowed(self) -> None:
        """The outbox is past its bound."""
        self.close(TOO_SLOW)

    def broken(self) -> None:
        """The peer is gone."""
        self.abort()

    def _ending(self, code: int) -> None:
        self.closing = True
        self._close_code = code
        if self._on_close is not None:
            self._on_close()

    def _parse(self, data: bytes, on_text: Callable[[str], None]) -> bool:
        self._protocol.receive_data(data)
        return all(self._bears_more() and self._handle(event, on_text) for event in self._protocol.events())

    def _bears_more(self) -> bool:
        """Count a read or a frame; False past the bound: while a peer has more to say, nobody else has a turn."""
        if self.heard_at >= self._hears_until:
            self._heard, self._hears_until = 0, self.heard_at + 1
        self._heard += 1
        if self._heard <= MOST_HEARD:
            return True
        self.close(TOO_TALKATIVE)
        return False

    def _handle(self, event: Event, on_text: Callable[[str], None]) -> bool:
        """Act on one event; False when the socket has ended."""
        if isinstance(event, CloseConnection):
            return self._peer_closes(event)
        if self.closing:
            return True
        if isinstance(event, TextMessage):
            self._collect(event, on_text)
        elif isinstance(event, BytesMessage):
            self.close(NOT_A_MESSAGE)
        elif isinstance(event, Ping):
            self.outbox.control(Message("pong", bytes(self._protocol.send(event.response()))))
        return True

    def _collect(self, event: TextMessage, on_text: Callable[[str], None]) -> None:
        self._size += len(event.data.encode())
        if self._size > MAX_MESSAGE_BYTES:
            self.close(TOO_BIG)
            return
        if event.data:  # a message may have empty pieces without end
            self._in_pieces.append(event.data)
        if event.message_finished:
            text = "".join(self._in_pieces)
            self._in_pieces, self._size = [], 0
            on_text(text)

    def _peer_closes(self, event: CloseConnection) -> bool:
        state = self._protocol.state
        if state is ConnectionState.CLOSED:
            return False
        if state is ConnectionState.REMOTE_CLOSING:
            if not self.closing:
                self._ending(int(event.code))
            self.outbox.finish(bytes(self._protocol.send(event.response())))
            return False
        self._deaf = True
        self.close(Close(int(event.code), event.reason or ""))
        return True
