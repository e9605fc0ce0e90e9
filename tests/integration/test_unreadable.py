"""What gunicorn cannot read is answered as everything else is: a problem document with a request id."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.parser import BytesParser

import pytest
import requests

from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis
from tests import services
from tests.api_server import ApiServer, api_server
from tests.tokens import bearer
from tests.waiting import wait_for

HOST = b"Host: 127.0.0.1\r\n"
UNREADABLE = {
    "a line that is too long": (b"GET /" + b"a" * 6000 + b" HTTP/1.1\r\n" + HOST, 414, "Too Long"),
    "no request line": (b"HELLO\r\n", 400, "Bad Request"),
    "a bad method": (b"g@t / HTTP/1.1\r\n" + HOST, 400, "Bad Request"),
    "another protocol": (b"GET / HTTP/9.9\r\n" + HOST, 400, "Bad Request"),
    "a bad header": (b"GET / HTTP/1.1\r\n" + HOST + b"bad header: 1\r\n", 400, "Bad Request"),
    "a header that is too large": (b"GET / HTTP/1.1\r\n" + HOST + b"x: " + b"a" * 9000 + b"\r\n", 431, "Too Large"),
    "too many headers": (b"GET / HTTP/1.1\r\n" + HOST + b"x: a\r\n" * 200, 431, "Too Large"),
    "a foreign coding": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: unheard-of\r\n", 501, "Not Implemented"),
}


@pytest.fixture(scope="module")
def server(postgres: EmbeddedPostgres, redis_server: EmbeddedRedis) -> Iterator[ApiServer]:
    services.empty_database(postgres.url)
    with api_server(postgres.url, redis_server.url) as running:
        yield running


@pytest.mark.parametrize("name", UNREADABLE)
def test_it_is_told_as_a_problem_and_ends_the_connection(server: ApiServer, name: str) -> None:
    sent, status, words = UNREADABLE[name]
    line, headers, body = say(server, sent + b"\r\n")
    assert line.startswith(f"HTTP/1.1 {status} ")
    assert headers["Content-Type"] == "application/problem+json"
    assert len(headers["X-Request-Id"]) == 32
    assert headers["X-Content-Type-Options"] == "nosniff"
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (status, "invalid_request")
    assert problem["title"] == "The request is not valid." and words in problem["detail"]


@pytest.mark.parametrize("size", [64 * 1024, 64 * 1024 + 1])
def test_a_body_in_chunks_is_as_long_as_it_is(server: ApiServer, size: int) -> None:
    body = b"{}".ljust(size)
    chunks = (body[start : start + 16_384] for start in range(0, size, 16_384))
    headers = bearer() | {"Content-Type": "application/json"}
    answer = requests.post(server.url("/image/generate"), data=chunks, headers=headers, timeout=10)
    refused = (422, "invalid_request") if size <= 64 * 1024 else (413, "payload_too_large")
    assert (answer.status_code, answer.json()["code"]) == refused


def test_a_body_that_never_ends_is_told_as_a_problem(server: ApiServer) -> None:
    sent = b"POST /image/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
    line, headers, body = say(server, sent)
    assert line.startswith("HTTP/1.1 408 ")
    assert headers["Content-Type"] == "application/problem+json" and len(headers["X-Request-Id"]) == 32
    assert json.loads(body)["code"] == "invalid_request"


def test_a_body_that_was_cut_off_is_not_acted_on(server: ApiServer) -> None:
    """What came is JSON by itself, and not what was meant."""
    path = server.url("/image/jobs")
    head = f"POST /image/generate HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer()['Authorization']}\r\n"
    sent = f'{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"prompt": "half"}}'
    line, headers, body = say(server, sent.encode(), ends=True)
    assert line.startswith("HTTP/1.1 400 ") and headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["code"] == "invalid_request"
    assert requests.get(path, headers=bearer(), timeout=10).json()["jobs"] == []


def test_a_refused_body_without_end_keeps_nobody_waiting_and_is_cut(server: ApiServer) -> None:
    head = b"POST /session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9%s\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as loud, ThreadPoolExecutor(1) as pool:
        loud.sendall(head % (b"0" * 15))
        pouring = pool.submit(pour, loud)
        try:
            assert loud.recv(1000).startswith(b"HTTP/1.1 413 ")
            for _ in range(10):
                assert requests.get(server.url("/healthz"), timeout=15).status_code == 200
            wait_for(pouring.done, timeout_s=60, what="the connection to be cut")
        finally:
            with suppress(OSError):
                loud.shutdown(socket.SHUT_RDWR)


def pour(loud: socket.socket) -> None:
    """Send as fast as the other side takes it, until the connection ends."""
    with suppress(OSError):
        while True:
            loud.sendall(b"x" * (1 << 20))


def test_an_address_with_two_slashes_is_no_other(server: ApiServer) -> None:
    answer = requests.get(server.url("/image//options"), headers=bearer(), timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def say(server: ApiServer, data: bytes, *, ends: bool = False) -> tuple[str, dict[str, str], bytes]:
    """Send raw bytes, and no more if it `ends`; return status line, headers and body of what the server ends with."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(data)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    line, _, headers = head.partition(b"\r\n")
    return line.decode(), dict(BytesParser().parsebytes(headers).items()), body
