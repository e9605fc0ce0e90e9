"""The door of the served API: `/ws`, tokens, rates while Redis is there and away, and what refuses to start."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import requests
import websocket

from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis
from cli.ports import free_port
from shared import redis_link
from shared.domain.identity import audience_of
from shared.events_bus import Publisher
from tests import services, tokens
from tests.api_server import ApiServer, api_server
from tests.relay_client import job
from tests.waiting import wait_for

STRICT = {"JWT_AUDIENCE": tokens.AUDIENCE, "JWT_ISSUER": tokens.ISSUER}
GOOD: dict[str, Any] = {"aud": tokens.AUDIENCE, "iss": tokens.ISSUER}
#: More than one process and all of them on one counter.
RATE = {"RATE_LIMIT": "30/hour", "API_PROCESSES": "2"}
EVENTS = 2_000


@pytest.fixture(scope="module")
def server(postgres: EmbeddedPostgres, redis_server: EmbeddedRedis) -> Iterator[ApiServer]:
    services.empty_database(postgres.url)
    with api_server(postgres.url, redis_server.url, **STRICT) as running:
        yield running


def knock(server: ApiServer, headers: dict[str, str]) -> int:
    """Ask for an upgrade and return the status of the answer."""
    host = headers.pop("Host", None)
    origin = headers.pop("Origin", None)
    try:
        ws = websocket.create_connection(
            f"ws://{server.host}/ws",
            header=headers,
            host=host,
            origin=origin,
            suppress_origin=origin is None,
            timeout=10,
        )
    except websocket.WebSocketBadStatusException as refused:
        return refused.status_code
    ws.close()
    return 101


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 101),
        ({"Origin": "http://{host}"}, 101),
        ({"Origin": "https://{host}"}, 101),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://{host}.evil.example"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 421),
    ],
    ids=repr,
)
def test_the_socket_is_refused_before_its_upgrade(server: ApiServer, headers: dict[str, str], status: int) -> None:
    sent = {name: value.format(host=server.host) for name, value in headers.items()}
    assert knock(server, sent | tokens.bearer(**GOOD)) == status


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/me"), ("POST", "/image/generate"), ("GET", "/docs")]
)
def test_a_foreign_host_gets_421(server: ApiServer, method: str, path: str) -> None:
    answer = requests.request(method, server.url(path), headers={"Host": "rebound.example"}, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (421, "forbidden")


def test_a_foreign_origin_gets_403(server: ApiServer) -> None:
    headers = tokens.bearer(**GOOD) | {"Origin": "http://evil.example"}
    answer = requests.post(server.url("/image/generate"), json={"prompt": "x"}, headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_no_forgery_comes_in_by_http_or_by_the_socket(server: ApiServer) -> None:
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda forged: both_ways(server, forged), tokens.forgeries().values()))
    assert dict(zip(tokens.forgeries(), outcomes, strict=True)) == dict.fromkeys(tokens.forgeries(), (401, 4401))


def both_ways(server: ApiServer, forged: str) -> tuple[int, int]:
    """Return the status a token gets in a header, and the close code it gets as a socket's first message."""
    carried = forged if forged.isascii() else forged.encode().decode("latin-1")
    status = requests.get(
        server.url("/me"), headers={"Authorization": f"Bearer {carried[:6000]}"}, timeout=10
    ).status_code
    ws = websocket.create_connection(f"ws://{server.host}/ws", timeout=10)
    ws.send(json.dumps({"type": "auth", "token": forged[:3000]}))
    code = int.from_bytes(ws.recv_data()[1][:2])
    ws.shutdown()  # type: ignore[no-untyped-call]  # websocket-client types half of itself
    return status, code


def test_a_cookie_opens_the_socket(server: ApiServer) -> None:
    signed_in = requests.post(server.url("/session"), json={"token": tokens.token("42", **GOOD)}, timeout=10)
    cookie = "; ".join(f"{each.name}={each.value}" for each in signed_in.cookies)
    ws = websocket.create_connection(f"ws://{server.host}/ws", cookie=cookie, timeout=10)
    assert json.loads(ws.recv())["user"]["user_id"] == "42"
    ws.shutdown()  # type: ignore[no-untyped-call]  # websocket-client types half of itself


def test_two_thousand_events_reach_their_owners_and_nobody_else(server: ApiServer, redis_server: EmbeddedRedis) -> None:
    """Two of them take names that are the others' ids."""
    people = [("42", "alice"), ("alice", "42"), ("7", "bob"), ("bob", None), ("8", "id:7"), ("9", "7,name:bob")]
    with ThreadPoolExecutor(len(people)) as pool:
        sockets = [join(server, *person) for person in people]
        listening = [pool.submit(hear_until_told, ws) for ws in sockets]
        publisher = Publisher(redis_link.connect(redis_server.url))
        for number in range(EVENTS):
            user, name = people[number % len(people)]
            view = job(f"{user}-{number}")
            assert publisher.send_image_progress(view, audience_of(user, name))
        for user, name in people:
            publisher.send_image_progress(job(f"end-{user}"), audience_of(user, name))
        heard = [future.result(60) for future in listening]
    for position, (user, _) in enumerate(people):
        expected = {f"{user}-{number}" for number in range(EVENTS) if number % len(people) == position}
        assert heard[position] == expected, f"{user} heard {sorted(heard[position] ^ expected)[:5]}"


def join(server: ApiServer, user: str, name: str | None) -> websocket.WebSocket:
    """Open a socket and read its greeting."""
    headers = tokens.bearer(user, preferred_username=name, **GOOD)
    ws = websocket.create_connection(f"ws://{server.host}/ws", header=headers, timeout=60)
    assert [json.loads(ws.recv())["type"] for _ in range(2)] == ["hello", "snapshot"]
    return ws


def hear_until_told(ws: websocket.WebSocket) -> set[str]:
    """Return the ids of all jobs heard of until one that is called an end."""
    heard: set[str] = set()
    give_up = monotonic() + 50
    while monotonic() < give_up:
        event = json.loads(ws.recv())
        told = event["job"]["job_id"] if event["type"] == "image_progress" else ""
        if told.startswith("end-"):
            break
        heard |= {told} - {""}
    ws.shutdown()  # type: ignore[no-untyped-call]  # websocket-client types half of itself
    return heard


def test_the_rate_is_counted_over_all_processes_and_relaxes_without_redis(postgres: EmbeddedPostgres) -> None:
    services.empty_database(postgres.url)
    with services.redis_server() as redis, api_server(postgres.url, redis.url, **RATE) as server:
        users = ("alice", "carol", "dave")  # a Redis that stands still for a moment counts nobody meanwhile
        counted = next((user for user in users if rationed(server, user)), None)
        assert counted, "of 40 of each, 30 are answered"
        assert write(server, "bob") == 404
        redis.stop()
        began = datetime.now(UTC)
        assert [write(server, counted) for _ in range(5)] == [404] * 5
        assert (datetime.now(UTC) - began).total_seconds() < 5


def rationed(server: ApiServer, user: str) -> bool:
    """Tell whether of 40 requests 30 are answered."""
    codes = [write(server, user) for _ in range(40)]
    return codes.count(404) == 30 and codes.count(429) == 10


def write(server: ApiServer, user: str) -> int:
    """Send the cheapest write there is; each on a connection of its own, so that any process may take it."""
    path = server.url("/conversations/nobodys")
    return requests.delete(path, headers=tokens.bearer(user), timeout=10).status_code


def test_who_asks_on_and_on_without_hearing_the_answers_keeps_nobody_waiting(server: ApiServer) -> None:
    asked, enough = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 200, threading.Event()

    def ask_on(loud: socket.socket) -> None:
        unsent = b""
        while not enough.is_set():
            unsent = unsent or asked
            with suppress(BlockingIOError):
                unsent = unsent[loud.send(unsent) :]
            with suppress(BlockingIOError):
                loud.recv(1 << 20)

    with socket.create_connection(("127.0.0.1", server.port)) as loud, ThreadPoolExecutor(1) as pool:
        loud.setblocking(False)
        asking = pool.submit(ask_on, loud)
        try:
            for _ in range(10):
                assert requests.get(server.url("/healthz"), timeout=15).status_code == 200
        finally:
            enough.set()
        asking.result()


def start(settings: dict[str, str], folder: Path) -> "subprocess.Popen[str]":
    env = os.environ | {"DATA_DIR": str(folder), "DATABASE_URL": "postgresql://x/x", "REDIS_URL": "redis://127.0.0.1:1"}
    env |= {"PORT": str(free_port())} | settings
    return subprocess.Popen([sys.executable, "-m", "api.serve"], env=env, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_local_mode_refuses_to_start_where_others_reach_it(host: str, tmp_path: Path) -> None:
    process = start({"HOST": host}, tmp_path)
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0 and "HOST" in said and "LOCAL_TRUST_NETWORK" in said


def test_local_mode_starts_there_when_the_network_is_trusted(
    postgres: EmbeddedPostgres, redis_server: EmbeddedRedis
) -> None:
    trusted = {"AUTH_MODE": "local", "HOST": "0.0.0.0", "LOCAL_TRUST_NETWORK": "yes"}
    with api_server(postgres.url, redis_server.url, **trusted) as server:
        assert requests.get(server.url("/me"), timeout=10).json()["auth_mode"] == "local"
        assert requests.get(server.url("/me"), headers={"Host": "evil.example"}, timeout=10).status_code == 421
        by_number = requests.get(server.url("/me"), headers={"Host": "192.168.1.5:8000"}, timeout=10)
        assert by_number.status_code == 200
        crossed = requests.post(server.url("/queue/pause"), headers={"Sec-Fetch-Site": "cross-site"}, timeout=10)
        assert crossed.json()["code"] == "csrf_refused"
        wait_for(lambda: requests.get(server.url("/readyz"), timeout=5).status_code == 200)
