"""A connection that was answered is kept for the next request; one that asks nothing, or too slowly, is not."""

import re
import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from api.serve_worker import KEPT_S
from cli.embedded_redis import EmbeddedRedis
from tests.compose_file import ROOT
from tests.relay_server import RelayServer, relay_server

ASKED = b"GET /census HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def server(redis_server: EmbeddedRedis) -> Iterator[RelayServer]:
    with relay_server(redis_server.url) as running:
        yield running


def test_who_was_answered_may_ask_again_after_those_were_cut_who_did_not_ask_in_time(server: RelayServer) -> None:
    asked, again = (HTTPConnection("127.0.0.1", server.port, timeout=20) for _ in range(2))
    for connection in (asked, again):
        ask(connection)
    ours = asked.sock.getsockname()
    again.sock.sendall(ASKED)
    silent, half = (socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(2))
    half.sendall(ASKED)
    for slow in (silent, half, again.sock):
        assert slow.recv(1) == b"", "it is cut"
        slow.close()
    ask(asked)
    assert asked.sock.getsockname() == ours
    asked.close()


def ask(connection: HTTPConnection) -> None:
    """Ask, and read the answer to its end."""
    connection.request("GET", "/census")
    assert connection.getresponse().read()


@pytest.mark.parametrize(
    ("file", "kept"), [("nginx.conf", r"keepalive_timeout (\d+)s;"), ("Caddyfile", r"keepalive (\d+)s")]
)
def test_a_proxy_ends_a_connection_before_the_api_does(file: str, kept: str) -> None:
    (seconds,) = re.findall(kept, (ROOT / "ops" / file).read_text())
    assert 0 < int(seconds) < KEPT_S
