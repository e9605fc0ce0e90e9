"""`up` says what it waits for, once, where waiting takes long."""

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from cli import up_ready
from cli.up_ready import api_serves


@pytest.fixture
def answers() -> list[dict[str, str] | None]:
    """What `/readyz` says, one after the other; None: nothing that could be read, at the end: ready."""
    return []


@pytest.fixture
def url(answers: list[dict[str, str] | None]) -> Iterator[str]:
    """An API of which only `/readyz` exists."""

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/readyz"
            body = answers.pop(0) if answers else {}
            self.send_response(200 if body == {} else 503)
            self.end_headers()
            self.wfile.write(b"<html>" if body is None else json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def lacks(postgresql: str, redis: str) -> dict[str, str]:
    """Return what a `/readyz` that is not ready says."""
    return {"status": "not ready", "postgresql": postgresql, "redis": redis}


@pytest.mark.parametrize(("quiet_s", "told"), [(-1, ["redis (unreachable)", "postgresql (unreachable)"]), (60, [])])
def test_what_it_waits_for_is_told_once_and_when_it_changes(
    url: str,
    answers: list[dict[str, str] | None],
    monkeypatch: pytest.MonkeyPatch,
    quiet_s: float,
    told: list[str],
) -> None:
    monkeypatch.setattr(up_ready, "QUIET_S", quiet_s)
    monkeypatch.setattr(up_ready, "ASK_EVERY_S", 0.001)
    no_redis, no_database = lacks("ok", "unreachable"), lacks("unreachable", "ok")
    answers += [None, no_redis, no_redis, lacks("ok", "ok"), no_redis, no_database]
    heard: list[str] = []
    asyncio.run(api_serves(url, heard.append))
    assert heard == [f"waiting for {what}" for what in told]
    assert answers == []
