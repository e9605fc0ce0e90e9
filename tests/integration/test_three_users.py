"""Three users with tokens and one line: every place is true, before and after a cancel in the middle."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from websocket import create_connection

from tests.demo_process import DemoForge
from tests.stack import Stack, running_stack
from tests.tokens import SECRET, bearer, token
from tests.waiting import wait_for

USERS = ("alice", "bob", "carol")
SMALL = {"prompt": "a lighthouse", "width": 64, "height": 64, "steps": 4}

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def stack(tmp_path: Path, demo: DemoForge) -> Iterator[Stack]:
    """Everything, with tokens."""
    wanted = {"AUTH_MODE": "jwt", "JWT_SECRET": SECRET, "PROGRESS_POLL_S": "0.1"}
    with running_stack(tmp_path, FORGE_URL=demo.url, **wanted) as stack:
        yield stack


def ask(stack: Stack, user: str, method: str, path: str, **options: Any) -> dict[str, Any]:
    """Return the JSON that one user is answered with."""
    answer = requests.request(method, stack.url + path, headers=bearer(user), timeout=20, **options)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def places(stack: Stack) -> dict[str, int]:
    """Return the place of every waiting job, as its owner is told it."""
    told = [job for user in USERS for job in ask(stack, user, "GET", "/image/status")["jobs"]]
    return {job["job_id"]: job["queue_position"] for job in told if job["status"] == "queued"}


def test_places_are_true_for_all_and_the_line_runs_as_it_was_shown(stack: Stack, demo: DemoForge) -> None:
    demo.shut_gate(0.4)
    running = ask(stack, "alice", "POST", "/image/generate", json=SMALL)["job_id"]
    demo.wait_held()
    with ThreadPoolExecutor(30) as pool:
        jobs = list(pool.map(lambda n: ask(stack, USERS[n % 3], "POST", "/image/generate", json=SMALL), range(30)))
    owners = {job["job_id"]: USERS[number % 3] for number, job in enumerate(jobs)}
    shown = places(stack)
    assert sorted(shown.values()) == list(range(1, 31))
    in_order = sorted(shown, key=shown.__getitem__)
    middle, last = in_order[14], in_order[-1]

    socket = create_connection(stack.url.replace("http", "ws") + "/ws", timeout=20)
    socket.send(json.dumps({"type": "auth", "token": token(owners[last])}))
    while json.loads(socket.recv())["type"] != "snapshot":
        pass
    ask(stack, owners[middle], "DELETE", f"/image/job/{middle}/cancel")
    socket.settimeout(1)  # the promise: told within a second of the move
    told: dict[str, int] = {}
    while told.get(last) != 29:
        event = json.loads(socket.recv())
        if event["type"] == "queue":
            told |= {job["job_id"]: job["queue_position"] for job in event["jobs"]}
    socket.close()
    assert sorted(places(stack).values()) == list(range(1, 30))

    demo.open_gate()
    in_order.remove(middle)
    wait_for(lambda: not places(stack), timeout_s=60, what="an empty line")
    drawn = [entry["task"][:-4] for entry in demo.wait_for("arrive", count=30)]
    assert drawn == [running, *in_order]
    assert demo.log()["overlap"] == 0
