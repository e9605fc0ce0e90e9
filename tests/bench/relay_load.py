"""A load client: thousands of WebSockets in one process, by epoll and without a library's cost.

It speaks just enough of the protocol: an upgrade, unmasked text frames in, masked ones out. An event is recognised by
its mark, `"mark":"<16 hex digits>"`, wherever it stands in a frame, so that every server's envelope is welcome.
"""

import os
import re
import select
import socket
import struct
from collections.abc import Callable, Iterable
from time import perf_counter

MARK = re.compile(rb'"mark":\s*"([0-9a-f]{16})"')
RECEIVE_BYTES = 1 << 16
#: a mark may be cut by the end of a read; so many bytes are kept, one less than a mark has
SPLIT = 24
#: a protocol ping, and the one of Engine.IO
PINGS = (b"\x89\x00", b"\x81\x012")
PONG = b"\x8a\x80\0\0\0\0"
#: upgrades under way at one time
ABREAST = 200


class Client:
    """One socket, and how to greet after the upgrade."""

    __slots__ = ("broken", "got", "greeting", "sock", "upgraded", "welcome")

    def __init__(self, sock: socket.socket, greeting: Iterable[bytes], welcome: bytes) -> None:
        self.sock = sock
        self.greeting = list(greeting)
        self.welcome = welcome
        self.upgraded = False
        self.broken = False
        self.got = b""


class Load:
    """A crowd of clients; `clients[i]` belongs to user i."""

    def __init__(self, port: int, path: str = "/ws", *, greeting: tuple[str, ...] = (), welcome: str = "") -> None:
        self._address = ("127.0.0.1", port)
        self._path = path
        self._greeting = greeting
        self._welcome = welcome.encode()
        self._epoll = select.epoll()
        self._by_fd: dict[int, Client] = {}
        self.clients: list[Client] = []
        self.greeted = 0
        self.broken = 0
        #: called with every mark received
        self.on_mark: Callable[[bytes, float], None] = lambda mark, at: None

    def connect(self, tokens: list[str], *, timeout_s: float = 120.0) -> float:
        """Open one socket per token and wait until each is welcome; returns the seconds it took."""
        began = perf_counter()
        goal = self.greeted + len(tokens)
        todo = iter(tokens)
        opened = 0
        while self.greeted < goal:
            while opened - (len(tokens) - (goal - self.greeted)) < ABREAST and opened < len(tokens):
                self._open(next(todo))
                opened += 1
            self.turn(0.2)
            if self.broken or perf_counter() - began > timeout_s:
                raise RuntimeError(f"{self.broken} broke, {self.greeted} of {goal} are connected")
        return perf_counter() - began

    def turn(self, timeout_s: float) -> int:
        """Read whatever has come, waiting at most `timeout_s`; returns how many sockets had something."""
        ready = self._epoll.poll(timeout_s, 1024)
        by_fd, on_mark = self._by_fd, self.on_mark
        for fd, _ in ready:
            client = by_fd[fd]
            try:
                data = os.read(fd, RECEIVE_BYTES)
            except OSError:
                data = b""
            if not data:
                self._broke(client)
            elif client.welcome:
                self._greet(client, data)
            else:
                now = perf_counter()
                if data.startswith(PINGS):
                    client.sock.send(PONG if data.startswith(b"\x89") else masked("3"))
                for mark in MARK.findall(client.got + data):
                    on_mark(mark, now)
                client.got = data[-SPLIT:]
        return len(ready)

    def close(self) -> None:
        """Close every socket."""
        for client in self.clients:
            client.sock.close()
        self._epoll.close()

    def _open(self, token: str) -> None:
        sock = socket.create_connection(self._address, timeout=30)
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        sock.sendall(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"{authorization}\r\n".encode()
        )
        sock.setblocking(False)
        greeting = [masked(text.replace("TOKEN", token)) for text in self._greeting]
        client = Client(sock, greeting, self._welcome)
        self.clients.append(client)
        self._by_fd[sock.fileno()] = client
        self._epoll.register(sock.fileno(), select.EPOLLIN)

    def _greet(self, client: Client, data: bytes) -> None:
        client.got += data
        if not client.upgraded and b"\r\n\r\n" in client.got:
            client.upgraded = True
            if not client.got.startswith(b"HTTP/1.1 101"):
                self._broke(client)
                return
            for frame in client.greeting:
                client.sock.sendall(frame)
        if client.welcome in client.got:
            client.welcome = client.got = b""
            self.greeted += 1

    def _broke(self, client: Client) -> None:
        client.broken = True
        self.broken += 1
        self._epoll.unregister(client.sock.fileno())
        del self._by_fd[client.sock.fileno()]


def masked(text: str) -> bytes:
    """Return a client's text frame (mask of zeros)."""
    body = text.encode()
    size = struct.pack("!B", 0x80 | len(body)) if len(body) < 126 else struct.pack("!BH", 0x80 | 126, len(body))
    return b"\x81" + size + bytes(4) + body
