"""Thousands come and go, and nothing is left behind."""

import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
import redis as redis_client

from cli.embedded_redis import EmbeddedRedis
from tests import services
from tests.bench.relay_load import Client, Load, masked
from tests.relay_server import RelayServer, relay_server
from tests.waiting import wait_for

ROUNDS, EACH = 6, 800
HELD = ("sockets", "deadlines", "turns", "members", "greenlets")
#: connections to the store that a pool keeps
POOL = 8
#: what a process may keep: the interpreter's free lists, the allocator's half-used pages
RSS_SLACK = 8 << 20


@pytest.fixture(scope="module")
def redis() -> Iterator[EmbeddedRedis]:
    with services.redis_server() as redis:
        yield redis


@pytest.fixture(scope="module")
def server(redis: EmbeddedRedis) -> Iterator[RelayServer]:
    with relay_server(redis.url, SOCKETS_PER_USER="1000", LOG_LEVEL="error") as server:
        yield server


def hang_up(client: Client, number: int) -> None:
    """End one socket, each in another way: with a close frame, with half a frame, with a FIN, with a reset."""
    match number % 4:
        case 0:
            client.sock.send(b"\x88\x82\0\0\0\0" + struct.pack("!H", 1000))
        case 1:
            client.sock.send(masked('{"type":"snapshot"}')[:-3])
        case 2:
            client.sock.shutdown(socket.SHUT_WR)
        case 3:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def one_round(server: RelayServer) -> None:
    load = Load(server.port, welcome='"snapshot"')
    load.connect([f"{number % 100}/u{number % 100}/3600" for number in range(EACH)])
    assert server.census()["sockets"] == EACH
    for number, client in enumerate(load.clients):
        hang_up(client, number)
    load.close()
    wait_for(lambda: server.census()["sockets"] == 0, what="the registry to be empty")


def settled(server: RelayServer) -> dict[str, Any]:
    """What the server holds once nothing of the last round is under way."""
    wait_for(lambda: server.census()["greenlets"] <= 12, what="the greenlets to end")
    return server.census(collect=True)


@pytest.mark.timeout(180)
def test_after_thousands_of_connects_and_disconnects_everything_is_as_before(
    server: RelayServer, redis: EmbeddedRedis
) -> None:
    with redis_client.Redis.from_url(redis.url) as admin:
        one_round(server)  # the first fills free lists and pools
        before, clients_before = settled(server), admin.info("clients")["connected_clients"]
        for _ in range(ROUNDS):
            one_round(server)
        after, clients_after = settled(server), admin.info("clients")["connected_clients"]
    assert {name: after[name] for name in HELD} == {name: before[name] for name in HELD}
    assert after["files"] <= before["files"] + POOL
    assert after["rss"] - before["rss"] < RSS_SLACK
    assert clients_after <= clients_before + POOL


def test_strangers_that_vanish_leave_nothing(server: RelayServer) -> None:
    before = settled(server)
    strangers = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
    for number, stranger in enumerate(strangers):
        stranger.sendall(b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n" if number % 2 else b"")
        stranger.close()
    wait_for(lambda: server.census()["files"] <= before["files"], what="the files to be closed")
