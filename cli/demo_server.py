"""How the stand-in listens: HTTP/1.1 with kept connections, and a listener that can be taken away.

Forge runs its handlers in a pool of 40 threads in which queued generations wait too, so the 41st request
of any kind starves; `Pool` keeps that. The controls under /demo are on a port of their own, outside the pool:
a test can always reach them, and nobody else can who only knows the renderer's address.
"""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import threading
import time
from collections.abc import Iterable
from socketserver import ThreadingMixIn
from typing import IO, Any, cast
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

POOL_THREADS = 40
CONTROL_MARK = "demo.controls"


class Pool:
    """WSGI middleware: at most 40 requests inside, all others wait, as in Forge's thread pool."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._slots = threading.BoundedSemaphore(POOL_THREADS)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._slots:
            return self._app(environ, start_response)


class Controls:
    """WSGI middleware: marks what came in by the control port."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[CONTROL_MARK] = True
        return self._app(environ, start_response)


class Listener:
    """A listening address that can be closed and opened again on the same port."""

    def __init__(self, host: str, port: int, app: WSGIApplication) -> None:
        self._host, self._app = host, app
        self._guard = threading.Lock()
        self._server: _Server | None = _Server(host, port, app)
        self.port = self._server.server_port
        self._serve(self._server)

    def close(self) -> None:
        """Refuse new connections and cut every open one."""
        with self._guard:
            server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            server.cut()

    def open(self) -> None:
        """Listen again, on the same port."""
        with self._guard:
            if self._server is None:
                self._server = _Server(self._host, self.port, self._app)
                self._serve(self._server)

    @staticmethod
    def _serve(server: _Server) -> None:
        threading.Thread(target=server.serve_forever, args=(0.05,), name="listen", daemon=True).start()


def cut(connection: socket.socket, last_words: bytes = b"") -> None:
    """End a connection without an answer of Forge's."""
    with contextlib.suppress(OSError):
        connection.sendall(last_words)
        connection.shutdown(socket.SHUT_RDWR)


def client_has_left(connection: socket.socket) -> bool:
    """Tell whether the other side has closed, without reading what it sent."""
    poll = select.poll()
    try:
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(0)) and connection.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True


class _Handler(WSGIRequestHandler):
    """One connection: request after request, until it idles for 30 s like uvicorn's."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30
    server: _Server
    began = 0.0

    def handle(self) -> None:
        """Serve requests until one side closes; a client that leaves is no news."""
        self.close_connection = False
        with contextlib.suppress(OSError):
            while not self.close_connection:
                self._one_request()

    def get_environ(self) -> dict[str, Any]:
        """Add the socket, for the faults that cut it, and the moment at which the request began to come in."""
        environ: dict[str, Any] = super().get_environ()
        environ["demo.socket"] = self.connection
        environ["demo.began"] = self.began
        return environ

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing; the witness log tells what matters."""

    def _one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        self.began = time.monotonic()
        if not self.raw_requestline or len(self.raw_requestline) > 65536 or not self.parse_request():
            self.close_connection = True
            return
        answer = _Answer(self.rfile, cast(IO[bytes], self.wfile), self.get_stderr(), self.get_environ())
        answer.request_handler = self  # type: ignore[attr-defined]  # wsgiref's own protocol
        answer.run(cast(WSGIApplication, self.server.get_app()))


class _Answer(ServerHandler):
    http_version = "1.1"

    def log_exception(self, exc_info: Any) -> None:
        """Say nothing of clients that left; Flask answers every other exception."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, host: str, port: int, app: WSGIApplication) -> None:
        self._open: set[socket.socket] = set()
        super().__init__((host, port), _Handler)
        self.set_app(app)

    def server_bind(self) -> None:
        """Bind without asking the name service who we are."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is no news."""

    def cut(self) -> None:
        for connection in list(self._open):
            cut(connection)
