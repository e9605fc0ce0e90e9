"""How soon a move of a long line reaches the owners that look at it, each with a token and a socket of its own."""

import json
import tempfile
import time
from pathlib import Path

import requests
from websocket import WebSocket, create_connection

from shared import redis_link
from shared.line_index import LineIndex
from shared.store import Store
from tests.bench.results import Figure, Results
from tests.crowd import fill_line, index_line
from tests.demo_process import DemoForge
from tests.stack import Stack, running_stack
from tests.tokens import SECRET, bearer, token

WAITING, OWNERS, MOVES = 10_000, 200, 5
#: moves are told at most twice a second
BETWEEN_S = 1.0


def moves(results: Results) -> None:
    """Cancel the first of the line some times; measure until the last owner was told its new place."""
    wanted = {"AUTH_MODE": "jwt", "JWT_SECRET": SECRET, "LOG_LEVEL": "warning"}
    with tempfile.TemporaryDirectory(prefix="fl-bench-") as folder, DemoForge() as forge:
        Path(folder).chmod(0o711)
        with running_stack(Path(folder), FORGE_URL=forge.url, **wanted) as stack:
            addresses = stack.addresses()
            store, redis = Store(addresses["DATABASE_URL"]), redis_link.connect(addresses["REDIS_URL"])
            store.pause()
            job_ids = fill_line(store, WAITING)
            index_line(store, LineIndex(redis))
            took = _told_after(stack, job_ids)
            redis.close()
            store.close()
    results.add(Figure.of(f"a move told to {OWNERS} owners, {WAITING} waiting", "ms", took, goal=1000))


def _told_after(stack: Stack, job_ids: list[str]) -> list[float]:
    every = WAITING // OWNERS
    sockets = [_connected(stack, f"u{number}") for number in range(every, WAITING + 1, every)]
    took = []
    for move in range(MOVES):
        time.sleep(BETWEEN_S)
        began = time.perf_counter()
        path = f"{stack.url}/image/job/{job_ids[move]}/cancel"
        requests.delete(path, headers=bearer(f"u{move + 1}"), timeout=10).raise_for_status()
        for number, socket in enumerate(sockets, 1):
            _until_place(socket, number * every - move - 1)
        took.append(1000 * (time.perf_counter() - began))
    for socket in sockets:
        socket.close()
    return took


def _connected(stack: Stack, user: str) -> WebSocket:
    socket = create_connection(stack.url.replace("http", "ws") + "/ws", timeout=20)
    socket.send(json.dumps({"type": "auth", "token": token(user)}))
    while json.loads(socket.recv())["type"] != "snapshot":
        pass
    return socket


def _until_place(socket: WebSocket, place: int) -> None:
    """Read until the owner's job stands at `place`."""
    while True:
        event = json.loads(socket.recv())
        if event["type"] == "queue" and [job["queue_position"] for job in event["jobs"]] == [place]:
            return
