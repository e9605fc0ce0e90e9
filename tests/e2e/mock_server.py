"""A stand-in for the API in front of `mock_world.World`: the contract's routes, and switches for trouble.

Rule: it serves the committed page with the headers the real API sends, and does nothing by itself:
no job moves unless a test moves it.
"""

import json
import queue
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from socket import SHUT_RDWR

from flask import Flask, Response, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from api.door_headers import SECURITY_HEADERS, content_policy
from tests.e2e import mock_pictures
from tests.e2e.mock_facts import Json
from tests.e2e.mock_routes import Routes, problem, user_of
from tests.e2e.mock_world import World, iso


@dataclass
class Trouble:
    """What goes wrong, until a test says otherwise."""

    #: seconds by which answers of a path (its beginning) are late
    lag_s: dict[str, float] = field(default_factory=dict)
    #: (status, code, Retry-After) for the next submissions, first to last
    refuse: list[tuple[int, str, str | None]] = field(default_factory=list)
    #: nobody is signed in
    signed_out: bool = False
    login_url: str | None = None
    jwt: bool = False
    #: the socket's handshake is refused with 503
    no_sockets: bool = False
    images_broken: bool = False
    #: how often a path (method and path) was asked for
    asked: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    handshakes: list[float] = field(default_factory=list)
    #: set at the end: who is late waits no longer
    over: threading.Event = field(default_factory=threading.Event)

    def late(self, path: str) -> None:
        """Wait as long as answers of this path are late."""
        self.over.wait(max((lag for start, lag in self.lag_s.items() if path.startswith(start)), default=0))


class MockServer:
    """The stand-in on a free port of loopback; `world` and `trouble` are the test's handles."""

    def __init__(self) -> None:
        self.world = World()
        self.trouble = Trouble()
        self.demo = True
        self.dist = mock_pictures.DIST
        self._outboxes: dict[int, queue.Queue[Json | int]] = {}
        self._server: BaseWSGIServer = make_server("127.0.0.1", 0, _app(self), threaded=True, request_handler=_Silent)
        self._server.daemon_threads = True  # type: ignore[attr-defined]  # of the threaded subclass
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and close every socket."""
        self.trouble.over.set()
        self.close_sockets(1012)
        self._server.shutdown()
        self._server.server_close()

    def close_sockets(self, code: int) -> None:
        """Close every open socket with `code`."""
        for outbox in list(self._outboxes.values()):
            outbox.put(code)

    def send_to_all(self, frame: Json) -> None:
        """Send any frame to every socket."""
        self.world.tell(None, frame)

    @property
    def open_sockets(self) -> int:
        """How many sockets are open."""
        return len(self.world.sockets)

    def serve_socket(self, socket: Server) -> None:
        """Speak on one socket until either side closes it."""
        outbox: queue.Queue[Json | int] = queue.Queue()
        user = user_of()
        self._outboxes[id(outbox)] = outbox
        me = {"user_id": user, "username": user, "roles": [], "auth_mode": self.mode}
        outbox.put({"type": "hello", "protocol": 1, "user": me, "heartbeat_s": 20, "server_time": iso()})
        reader = threading.Thread(target=self._read, args=(socket, outbox, user), daemon=True)
        reader.start()
        try:
            with self.world.connected(user, outbox.put):
                self.trouble.late("/ws")
                outbox.put(self.world.snapshot(user))
                _write(socket, outbox)
        finally:
            self._outboxes.pop(id(outbox), None)

    @property
    def mode(self) -> str:
        """What `auth_mode` says."""
        return "jwt" if self.trouble.jwt or self.trouble.signed_out else "local"

    def _read(self, socket: Server, outbox: "queue.Queue[Json | int]", user: str) -> None:
        try:
            while True:
                if json.loads(socket.receive())["type"] == "snapshot":
                    outbox.put(self.world.snapshot(user))
        except ConnectionClosed:
            outbox.put(0)


def _close(socket: Server, code: int) -> None:
    socket.close(code, "closed by the test")
    socket.thread.join(2)  # until the browser has answered
    with suppress(OSError):  # the library would write an HTTP answer next, which no browser can read here
        socket.sock.shutdown(SHUT_RDWR)


class _Silent(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def _write(socket: Server, outbox: "queue.Queue[Json | int]") -> None:
    """Send frames until a number comes: a close code, or 0 for no close frame."""
    with suppress(ConnectionClosed):
        while not isinstance(frame := outbox.get(), int):
            socket.send(json.dumps(frame))
        if frame:
            _close(socket, frame)


def _app(server: MockServer) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.config["SOCK_SERVER_OPTIONS"] = {"ping_interval": None}
    sock = Sock(app)

    @app.before_request
    def door() -> Response | None:
        trouble = server.trouble
        trouble.asked[f"{request.method} {request.path}"] += 1
        public = request.path == "/" or request.path.startswith(("/assets/", "/session"))
        if request.path == "/ws":
            trouble.handshakes.append(time.monotonic())
            return problem(503, "queue_unavailable") if trouble.no_sockets else None
        if trouble.signed_out and not public:
            return problem(401, "unauthenticated", login_url=trouble.login_url)
        return None

    @app.after_request
    def headers(answer: Response) -> Response:
        server.trouble.late(request.path)
        answer.headers["Content-Security-Policy"] = content_policy()
        for name, value in SECURITY_HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    @sock.route("/ws")  # type: ignore[untyped-decorator]  # it ships no types
    def ws(socket: Server) -> None:
        if server.trouble.signed_out:
            _close(socket, 4401)
            return
        server.serve_socket(socket)

    Routes(server).add_to(app)
    return app
