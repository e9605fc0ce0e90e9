"""A TCP proxy that can fall silent without a word: half-open connections, as a lost cable leaves them."""

import contextlib
import select
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

CHUNK = 65536


class MuteProxy:
    """Forwards to one address; `mute()` strikes the connections that are open, new ones work."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._muted: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._in_thread(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def mute(self) -> None:
        """From now on nothing passes on the connections that are open, and nobody is told."""
        self._muted |= self._open

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._open |= {client, server}
                self._in_thread(self._forward, client, server)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        with contextlib.suppress(OSError, ValueError):
            while all([self._pass_on(ready, other[ready]) for ready in select.select([client, server], [], [])[0]]):
                continue
        for one in (client, server):
            self._open.discard(one)
            one.close()

    def _pass_on(self, ready: socket.socket, other: socket.socket) -> bool:
        """Hand over what came, unless it is muted; False at the end of the connection."""
        data = ready.recv(CHUNK)
        if data and ready not in self._muted:
            other.sendall(data)
        return bool(data)

    def _in_thread(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
