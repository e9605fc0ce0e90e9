"""A WebSocket client that reads only when told to, and checks every byte it reads."""

import json
import socket
import struct
from typing import Any, NamedTuple


class Frame(NamedTuple):
    """One frame as it came."""

    opcode: int
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The event of a text frame."""
        event: dict[str, Any] = json.loads(self.body)
        return event


class RawSocket:
    """One upgraded socket; nothing is read before `read` is called."""

    TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

    def __init__(self, port: int, token: str, *, receive_buffer: int | None = None) -> None:
        self._sock = socket.socket()
        if receive_buffer:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._sock.settimeout(15)
        self._sock.connect(("127.0.0.1", port))
        self._sock.sendall(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {token}\r\n\r\n".encode()
        )
        self._file = self._sock.makefile("rb")
        assert self._file.readline().startswith(b"HTTP/1.1 101")
        while self._file.readline() != b"\r\n":
            pass

    def read(self) -> Frame:
        """Return the next frame; raises AssertionError for bytes that are none, EOFError at the end."""
        head = self._exactly(2)
        assert head[0] & 0x70 == 0, "reserved bits: the stream is broken"
        assert head[0] & 0x0F in (self.TEXT, self.CLOSE, self.PING, self.PONG), "no opcode: the stream is broken"
        assert not head[1] & 0x80, "a server's frame is not masked: the stream is broken"
        size = head[1]
        if size == 126:
            (size,) = struct.unpack("!H", self._exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._exactly(8))
        return Frame(head[0] & 0x0F, self._exactly(size))

    def write(self, data: bytes) -> None:
        """Send raw bytes."""
        self._sock.sendall(data)

    def close(self) -> None:
        """Cut the connection."""
        self._file.close()
        self._sock.close()

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise EOFError
        return data
