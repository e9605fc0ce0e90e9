"""How the process ends, and how it is served."""

import signal
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from time import monotonic

import pytest
import redis as redis_client
import requests

from cli.embedded_redis import EmbeddedRedis
from shared.redis_keys import sockets_of
from tests import services
from tests.raw_socket import RawSocket
from tests.relay_client import Backstage, close_code, greeted, hear, job
from tests.relay_server import RelayServer, cut, relay_server
from tests.waiting import wait_for

SOCKETS = 60
WITHIN_S = 10


@pytest.fixture(scope="module")
def redis() -> Iterator[EmbeddedRedis]:
    with services.redis_server() as redis:
        yield redis


@pytest.fixture
def server(redis: EmbeddedRedis) -> Iterator[RelayServer]:
    with relay_server(redis.url, SOCKETS_PER_USER="1000") as server:
        yield server
        server.hang_up()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_every_socket_sees_1012_and_the_process_ends_in_time(server: RelayServer, how: signal.Signals) -> None:
    sockets = [server.connect("42/alice") for _ in range(SOCKETS)]
    for ws in sockets:
        greeted(ws)
    stranger = server.connect()
    began = monotonic()
    server.process.send_signal(how)
    assert {close_code(ws) for ws in [*sockets, stranger]} == {1012}
    assert server.process.wait(WITHIN_S) == 0
    assert monotonic() - began < WITHIN_S


def test_a_socket_that_waits_for_the_subscription_sees_1012_too() -> None:
    with services.redis_server() as redis, relay_server(redis.url) as server:
        redis.stop()
        wait_for(lambda: not server.census()["subscribed"], what="the subscription to break")
        ws = server.connect("42/alice")
        server.process.terminate()
        assert close_code(ws) == 1012
        server.hang_up()


def test_a_request_that_runs_is_finished_and_idle_connections_hold_nothing(server: RelayServer) -> None:
    idle = HTTPConnection("127.0.0.1", server.port, timeout=10)
    idle.request("GET", "/census")
    assert idle.getresponse().read()
    answers: list[int] = []
    asking = threading.Thread(
        target=lambda: answers.append(requests.get(server.url("/slow?s=3"), timeout=10).status_code)
    )
    asking.start()
    wait_for(lambda: server.census()["busy"] == 1, what="the slow request to run")
    began = monotonic()
    server.process.terminate()
    asking.join()
    assert answers == [200]
    assert server.process.wait(WITHIN_S) == 0
    assert monotonic() - began < 6
    idle.close()


def test_connections_that_ask_nothing_end_without_a_word(
    redis: EmbeddedRedis, capfd: pytest.CaptureFixture[str]
) -> None:
    with relay_server(redis.url) as server:
        asked = HTTPConnection("127.0.0.1", server.port, timeout=10)
        asked.request("GET", "/census")
        assert asked.getresponse().read()
        silent, half = (socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(2))
        half.sendall(b"GET /census HT")
        requests.get(server.url("/census"), timeout=10)  # both before it were taken in
        server.process.terminate()
        assert [one.recv(1) for one in (asked.sock, silent, half)] == [b"", b"", b""]
        assert server.process.wait(WITHIN_S) == 0
        for one in (asked, silent, half):
            one.close()
    assert capfd.readouterr().err == ""


def test_a_request_and_a_socket_that_never_end_are_cut_in_time(server: RelayServer) -> None:
    deaf = RawSocket(server.port, "42/alice")
    asking = HTTPConnection("127.0.0.1", server.port, timeout=15)
    asking.request("GET", "/slow?s=60")
    began = monotonic()
    server.process.terminate()
    server.process.wait(WITHIN_S)
    assert monotonic() - began < WITHIN_S
    asking.close()
    deaf.close()


def test_nothing_new_is_taken_while_it_drains(server: RelayServer) -> None:
    asking = HTTPConnection("127.0.0.1", server.port, timeout=15)
    asking.request("GET", "/slow?s=4")
    server.process.terminate()
    wait_for(lambda: not _takes_connections(server), what="the port to close")
    assert asking.getresponse().status == 200
    asking.close()
    server.process.wait(WITHIN_S)


def _takes_connections(server: RelayServer) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=1) as sock:
            sock.sendall(b"GET /census HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            return bool(sock.recv(1))
    except OSError:
        return False


def test_several_processes_serve_one_port_and_all_their_sockets(redis: EmbeddedRedis) -> None:
    with relay_server(redis.url, SOCKETS_PER_USER="1000", API_PROCESSES="2") as server:
        backstage = Backstage(redis.url)
        wait_for(lambda: len({server.census()["pid"] for _ in range(10)}) == 2, what="both processes")
        sockets = [server.connect("42/alice") for _ in range(SOCKETS)]
        for ws in sockets:
            greeted(ws)
        backstage.publish(job("a"))
        assert all(hear(ws)["job"]["job_id"] == "a" for ws in sockets)
        server.process.terminate()
        assert {close_code(ws) for ws in sockets} == {1012}
        for ws in sockets:
            cut(ws)
        assert server.process.wait(WITHIN_S) == 0
        with redis_client.Redis.from_url(redis.url) as admin:
            assert not admin.zcard(sockets_of("42")), "seats outlived their process"
        backstage.close()


def test_a_users_sockets_are_counted_over_all_processes(redis: EmbeddedRedis) -> None:
    with relay_server(redis.url, SOCKETS_PER_USER="4", API_PROCESSES="2") as server:
        wait_for(lambda: len({server.census()["pid"] for _ in range(10)}) == 2, what="both processes")
        sockets = [server.connect("42/alice") for _ in range(4)]
        for ws in sockets:
            greeted(ws)
        assert close_code(server.connect("42/alice")) == 4429
        greeted(server.connect("7/bob"))
        cut(sockets[0])
        with redis_client.Redis.from_url(redis.url) as admin:
            wait_for(lambda: admin.zcard(sockets_of("42")) == 3, what="the seat to be free")
        greeted(server.connect("42/alice"))
        server.process.terminate()
        server.hang_up()


def test_headers_that_come_too_slowly_are_cut(server: RelayServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as slow:
        slow.sendall(b"GET /census HTTP/1.1\r\nHost: a\r\n")
        began = monotonic()
        assert not slow.recv(1000)
        assert monotonic() - began < 8


def test_a_body_that_comes_too_slowly_is_refused_with_408(server: RelayServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as slow:
        slow.sendall(b"POST /slow?s=0 HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
        answer = slow.recv(1000)
        assert answer.startswith(b"HTTP/1.1 408 ")
        began = monotonic()
        while piece := slow.recv(1000):
            answer += piece
        assert answer.endswith(b"}")
        assert monotonic() - began < 8
