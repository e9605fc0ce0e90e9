"""What the relay leans on inside other projects; an exact pin stands beside each, and these say what a newer one broke.

If a test here fails after an upgrade, read `api/ws.py` and `api/relay/connection.py` before changing it.
"""

import inspect
from importlib.metadata import version
from typing import Any

import gevent
import pytest
from flask import Flask
from flask_sock import Sock
from gevent import socket
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker
from redis import Redis
from redis.connection import Connection as RedisConnection
from simple_websocket import ConnectionClosed, Server
from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import CloseConnection, TextMessage

from api.ws import NoEvent, NoThread

PINNED = {"flask-sock": "0.7.0", "simple-websocket": "1.1.0", "wsproto": "1.3.2"}
UPGRADE = {
    "HTTP_HOST": "localhost",
    "HTTP_UPGRADE": "websocket",
    "HTTP_CONNECTION": "Upgrade",
    "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",
    "HTTP_SEC_WEBSOCKET_VERSION": "13",
}


@pytest.mark.parametrize(("name", "pin"), PINNED.items())
def test_the_libraries_leaned_on_have_the_versions_studied(name: str, pin: str) -> None:
    assert version(name) == pin


@pytest.fixture
def upgraded() -> Any:
    ours, theirs = socket.socketpair()
    server = Server({**UPGRADE, "gunicorn.socket": ours}, thread_class=NoThread, event_class=NoEvent)
    yield server, ours, theirs
    ours.close()
    theirs.close()


def test_simple_websocket_answers_the_upgrade_before_it_hands_the_socket_over(upgraded: Any) -> None:
    server, ours, theirs = upgraded
    assert theirs.recv(4096).startswith(b"HTTP/1.1 101")
    assert server.sock is ours
    assert isinstance(server.ws.connection, Protocol)
    assert server.mode == "gunicorn"


def test_simple_websocket_reads_nothing_when_its_thread_starts_nothing(upgraded: Any) -> None:
    _, ours, theirs = upgraded
    theirs.send(b"\x81\x80\0\0\0\0")
    gevent.sleep(0)
    assert ours.recv(100) == b"\x81\x80\0\0\0\0"


def test_simple_websocket_negotiates_no_compression_nobody_offered(upgraded: Any) -> None:
    _, _, theirs = upgraded
    assert b"extensions" not in theirs.recv(4096).lower()


def test_simple_websocket_closes_nothing_that_says_it_is_not_connected(upgraded: Any) -> None:
    server, _, theirs = upgraded
    theirs.recv(4096)
    server.connected = False
    with pytest.raises(ConnectionClosed):
        server.close()
    with pytest.raises(BlockingIOError):
        theirs.settimeout(0)
        theirs.recv(1)


def test_flask_sock_ends_a_gunicorn_request_by_stop_iteration_after_the_context_is_gone() -> None:
    app = Flask("contract")
    app.config["SOCK_SERVER_OPTIONS"] = {"thread_class": NoThread, "event_class": NoEvent}
    gone: list[bool] = []
    app.teardown_request(lambda _: gone.append(True))

    def route(ws: Any) -> None:
        ws.connected = False

    Sock(app).route("/ws")(route)
    ours, theirs = socket.socketpair()
    environ = {
        **UPGRADE, "REQUEST_METHOD": "GET", "PATH_INFO": "/ws", "SERVER_NAME": "a", "SERVER_PORT": "1",
        "wsgi.url_scheme": "http", "gunicorn.socket": ours,
    }  # fmt: skip
    with pytest.raises(StopIteration):
        app.wsgi_app(environ, lambda *_: lambda _: None)
    assert gone
    ours.close()
    theirs.close()


def test_gevents_send_takes_a_timeout_of_nothing_and_then_never_waits() -> None:
    ours, theirs = socket.socketpair()
    assert list(inspect.signature(ours.send).parameters) == ["data", "flags", "timeout"]
    with gevent.Timeout(5), pytest.raises(BlockingIOError):
        while True:
            assert ours.send(b"x" * 65536, 0, 0.0) <= 65536
    ours.close()
    theirs.close()


def test_below_a_gevent_socket_is_the_kernels_which_never_waits_and_knows_when_it_was_closed() -> None:
    ours, theirs = socket.socketpair()
    send = ours._sock.send
    with gevent.Timeout(5), pytest.raises(BlockingIOError):
        while True:
            assert send(b"x" * 65536) <= 65536
    ours.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        send(b"x")
    theirs.close()


def test_gevents_send_waits_without_a_timeout_and_may_send_a_part() -> None:
    ours, theirs = socket.socketpair()
    with gevent.Timeout(0.2, False):
        while True:
            ours.send(b"x" * 65536, 0, None)
    reader = gevent.spawn(theirs.recv, 1 << 20)
    with gevent.Timeout(5):
        assert 0 < ours.send(b"x" * (1 << 22), 0, None) < 1 << 22
    reader.join()
    ours.close()
    theirs.close()


def test_wsproto_tells_a_peers_close_from_broken_frames_by_its_state() -> None:
    peers, broken = Protocol(ConnectionType.SERVER), Protocol(ConnectionType.SERVER)
    peers.receive_data(b"\x88\x82\0\0\0\0\x03\xe8")
    broken.receive_data(b"\x81\x01a")  # not masked
    for protocol, state in ((peers, ConnectionState.REMOTE_CLOSING), (broken, ConnectionState.OPEN)):
        (event,) = protocol.events()
        assert isinstance(event, CloseConnection)
        assert protocol.state is state


def test_wsproto_hands_a_declared_terabyte_over_in_the_pieces_that_came() -> None:
    protocol = Protocol(ConnectionType.SERVER)
    protocol.receive_data(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 4000)
    (event,) = protocol.events()
    assert isinstance(event, TextMessage)
    assert len(event.data) == 4000
    assert not event.message_finished


def test_gunicorns_workers_have_the_seams_ours_overrides() -> None:
    assert list(inspect.signature(GeventWorker.handle).parameters) == ["self", "listener", "client", "addr"]
    assert list(inspect.signature(AsyncWorker.handle_request).parameters) == [
        "self", "listener_name", "req", "sock", "addr",
    ]  # fmt: skip
    for name in ("patch", "load_wsgi", "init_signals", "handle_exit"):
        assert callable(getattr(GeventWorker, name))


def test_redis_makes_a_connection_of_its_own_that_reads_with_a_timeout() -> None:
    client = Redis.from_url("redis://127.0.0.1:1/0")
    assert isinstance(client.connection_pool.make_connection(), RedisConnection)
    assert "timeout" in inspect.signature(RedisConnection.read_response).parameters
    client.close()
