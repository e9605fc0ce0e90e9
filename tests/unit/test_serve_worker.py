"""How long a connection is kept after an answer."""

from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent import socket
from gunicorn.config import Config
from gunicorn.glogging import Logger

from api import serve_worker
from api.serve_worker import Worker

ASKED = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
#: What one of the two times is, so that only the other can be what ended the connection.
ENDLESS_S, SHORT_S = 3600, 0.01


def application(_: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("204 No Content", [])
    return []


class Listener:
    """Where the connection came in."""

    def getsockname(self) -> tuple[str, int]:
        """Return its address."""
        return "127.0.0.1", 8000


@pytest.fixture
def worker() -> Iterator[Worker]:
    """A worker of room for four connections, that cuts nobody who asks slowly."""
    config = Config()
    config.set("keepalive", ENDLESS_S)
    config.set("worker_connections", 4)
    worker = Worker(1, 1, [], None, 60, config, Logger(config))
    worker.wsgi = application
    yield worker
    worker.tmp.close()


@pytest.fixture
def client(worker: Worker) -> Iterator[socket.socket]:
    """A client of the worker."""
    ours, theirs = socket.socketpair()
    serving = gevent.spawn(worker.handle, Listener(), theirs, ("127.0.0.1", 4711))
    ours.settimeout(10)
    yield ours
    ours.close()
    serving.join(10)
    assert serving.ready()


def asked(client: socket.socket) -> bytes:
    """Ask once, and return the first line of the answer."""
    client.sendall(ASKED)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    return head.partition(b"\r\n")[0]


def test_the_pause_after_an_answer_ends(client: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve_worker, "KEPT_S", SHORT_S)
    assert asked(client) == b"HTTP/1.1 204 No Content"
    assert client.recv(1) == b""


def test_a_request_after_the_pause_is_read_from_its_first_byte(client: socket.socket) -> None:
    assert [asked(client) for _ in range(3)] == [b"HTTP/1.1 204 No Content"] * 3


def test_where_most_places_are_taken_it_is_as_short_as_for_who_has_not_asked(
    worker: Worker, client: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve_worker, "KEPT_S", ENDLESS_S)
    others = [socket.socket() for _ in range(3)]
    worker._busy.update(others)
    worker.cfg.set("keepalive", 1)
    assert asked(client) == b"HTTP/1.1 204 No Content"
    assert client.recv(1) == b""
    for other in others:
        other.close()
