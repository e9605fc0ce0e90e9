"""The socket's door, at the API as it is served: Host, Origin, tokens, and the end."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import requests
import websocket
from redis import Redis

from api.relay.relay import Relay
from api.ws import EXTENSION
from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis
from shared.redis_keys import sockets_of
from tests import services
from tests.api_server import ApiServer, api_server, asking
from tests.builders import stored_job
from tests.door_world import world
from tests.relay_client import close_code, greeted, hear
from tests.relay_server import cut
from tests.tokens import token

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def server(postgres: EmbeddedPostgres, redis_server: EmbeddedRedis) -> Iterator[ApiServer]:
    services.empty_database(postgres.url)
    with api_server(postgres.url, redis_server.url) as server:
        yield server


class Browsers:
    """Opens sockets, and leaves none open."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._opened: list[websocket.WebSocket] = []

    def open(self, **options: Any) -> websocket.WebSocket:
        ws = websocket.create_connection(self._server.url("/ws").replace("http", "ws"), timeout=15, **options)
        self._opened.append(ws)
        return ws

    def refused(self, **options: Any) -> int:
        """Return the HTTP status of a refused upgrade."""
        with pytest.raises(websocket.WebSocketBadStatusException) as refusal:
            self.open(**options)
        status: int = refusal.value.status_code
        return status

    def close(self) -> None:
        for ws in self._opened:
            cut(ws)


@pytest.fixture
def browsers(server: ApiServer) -> Iterator[Browsers]:
    browsers = Browsers(server)
    yield browsers
    browsers.close()


def bearer(user: str, **more: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(user, **more)}"}


def test_the_door_of_the_socket(server: ApiServer, browsers: Browsers) -> None:
    assert browsers.refused(origin="https://evil.example", header=bearer("42")) == 403
    assert browsers.refused(host="evil.example", header=bearer("42")) == 421
    assert browsers.refused(header=["Sec-WebSocket-Version: 8", *(f"{k}: {v}" for k, v in bearer("42").items())]) == 426
    own = browsers.open(origin=f"http://{server.host}", header=bearer("42", preferred_username="alice"))
    assert greeted(own)[0]["user"] == {"user_id": "42", "username": "alice", "roles": [], "auth_mode": "jwt"}
    nobody = browsers.open(suppress_origin=True, header=bearer("42"))
    greeted(nobody)
    assert close_code(browsers.open(header={"Authorization": "Bearer forged"})) == 4401
    assert close_code(browsers.open(header=bearer("42", ends_in_s=-5))) == 4401


def handshake(port: int, first_line: str, version: str | None = "13") -> tuple[int, dict[str, str]]:
    """Ask for a socket in the very bytes of a handshake; gives the status and the headers that answer."""
    told = "" if version is None else f"Sec-WebSocket-Version: {version}\r\n"
    asked = (
        f"{first_line}\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{told}Authorization: {bearer('42')['Authorization']}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=15) as peer, peer.makefile("rb") as answer:
        peer.sendall(asked.encode())
        status = int(answer.readline().split()[1])
        lines = iter(lambda: answer.readline().decode().strip(), "")
        return status, dict(line.split(": ", 1) for line in lines)


def test_a_handshake_is_a_get_of_http_1_1_or_later_in_our_version(server: ApiServer) -> None:
    assert handshake(server.port, "GET /ws HTTP/1.1")[0] == 101
    assert handshake(server.port, "HEAD /ws HTTP/1.1")[0] == 400
    assert handshake(server.port, "GET /ws HTTP/1.0")[0] == 400
    assert handshake(server.port, "GET /ws HTTP/1.1", version=None)[0] == 400
    for version in ("8", "14", "13, 8"):
        status, headers = handshake(server.port, "GET /ws HTTP/1.1", version)
        assert (status, headers["Sec-WebSocket-Version"], headers["Upgrade"]) == (426, "13", "websocket"), version
        assert headers["Content-Type"] == "application/problem+json"


def test_the_cookie_of_a_session_opens_the_socket_and_ends_with_its_token(
    server: ApiServer, browsers: Browsers
) -> None:
    signed_in = requests.post(server.url("/session"), headers=bearer("42", ends_in_s=3), timeout=10)
    assert signed_in.status_code == 200
    cookie = "; ".join(f"{name}={value}" for name, value in signed_in.cookies.items())
    began = monotonic()
    ws = browsers.open(cookie=cookie, origin=f"http://{server.host}")
    greeted(ws)
    assert close_code(ws) == 4401
    assert monotonic() - began < 5


def test_a_first_message_authenticates_and_a_newer_token_moves_the_end(server: ApiServer, browsers: Browsers) -> None:
    ws = browsers.open()
    ws.send(json.dumps({"type": "auth", "token": token("42", ends_in_s=2)}))
    greeted(ws)
    ws.send(json.dumps({"type": "auth", "token": token("42", ends_in_s=600)}))
    ws.settimeout(4)
    with pytest.raises(websocket.WebSocketTimeoutException):
        close_code(ws)


def test_my_jobs_are_in_the_snapshot_and_a_submission_is_told_to_my_other_tab(
    server: ApiServer, browsers: Browsers
) -> None:
    mine, theirs = browsers.open(header=bearer("42")), browsers.open(header=bearer("7"))
    assert greeted(mine)[1]["jobs"] == []
    greeted(theirs)
    body = {"prompt": "deniz feneri", "width": 64, "height": 64}
    answer = requests.post(server.url("/image/generate"), json=body, headers=bearer("42"), timeout=10)
    told = hear(mine)
    assert told["type"] == "image_progress"
    assert told["job"]["job_id"] == answer.json()["job_id"]
    again = browsers.open(header=bearer("42"))
    assert [job["job_id"] for job in greeted(again)[1]["jobs"]] == [answer.json()["job_id"]]
    theirs.settimeout(1)
    with pytest.raises(websocket.WebSocketTimeoutException):
        while hear(theirs)["type"] == "queue":
            pass


def test_a_process_that_drains_is_not_ready_and_holds_no_seat(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    with world(database_url, redis_url, tmp_path, api_processes=2) as here, Redis.from_url(redis_url) as redis:
        relay: Relay = here.app.extensions[EXTENSION]
        assert here.client.get("/readyz").status_code == 200
        assert relay.room.seats is not None and relay.room.seats.take("42")
        assert redis.zcard(sockets_of("42")) == 1
        relay.drain(1.0)
        answer = here.client.get("/readyz")
        assert (answer.status_code, answer.json) == (503, {"status": "not ready", "postgresql": "ok", "redis": "ok"})
        assert redis.zcard(sockets_of("42")) == 0


def test_at_the_end_long_polls_answer(server: ApiServer, browsers: Browsers, store: Any) -> None:
    job = stored_job(store)
    ws = browsers.open(header=bearer("42"))
    greeted(ws)
    asked = asking(server.process.pid, server.port, f"/image/job/{job.job_id}/status?wait=30", **bearer("42"))
    began = monotonic()
    server.process.terminate()
    assert close_code(ws) == 1012
    assert asked.getresponse().status == 200
    asked.close()
    assert server.process.wait(10) == 0
    assert monotonic() - began < 6
