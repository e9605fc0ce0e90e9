"""The stand-in serves as Forge does: one at a time, in order, ghosts and starvation included."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest
import requests

from tests.demo_calls import REQUEST, generate, post, progress, task
from tests.demo_process import DemoForge


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(48) as pool:
        yield pool


def test_forgets_an_interrupt_for_those_that_wait(demo: DemoForge, pool: ThreadPoolExecutor) -> None:
    demo.shut_gate(0.5)
    first = pool.submit(generate, demo, "a")
    demo.wait_held()
    second = pool.submit(generate, demo, "b")
    demo.wait_for("arrive", task="b")
    post(demo, "/sdapi/v1/interrupt")
    first.result()
    demo.open_gate()
    second.result()
    ends = demo.wait_for("end", count=2)
    assert [(end["task"], end["outcome"]) for end in ends] == [("a", "interrupted"), ("b", "complete")]


def test_serves_in_the_order_of_arrival_and_tells_tasks_apart(demo: DemoForge, pool: ThreadPoolExecutor) -> None:
    demo.shut_gate(0.5)
    running = []
    for number in range(4):
        running.append(pool.submit(generate, demo, f"t{number}"))
        demo.wait_for("arrive", task=f"t{number}")
    demo.wait_held()
    assert task(demo, "t0")["active"] is True
    assert task(demo, "t2") | {"queued": True, "textinfo": "In queue: 2/3"} == task(demo, "t2")
    assert requests.get(f"{demo.url}/internal/pending-tasks", timeout=5).json()["size"] == 3
    demo.open_gate()
    assert all(each.result().ok for each in running)
    starts = [entry["task"] for entry in demo.wait_for("start", count=4)]
    assert starts == ["t0", "t1", "t2", "t3"]
    assert task(demo, "never-heard-of")["textinfo"] == "Waiting..."


def test_goes_on_for_a_client_that_left_and_runs_even_what_waited(demo: DemoForge) -> None:
    demo.shut_gate(0.5)
    for name in ("running", "waiting"):
        with pytest.raises(requests.Timeout):
            requests.post(f"{demo.url}/sdapi/v1/txt2img", json={**REQUEST, "force_task_id": name}, timeout=0.3)
    demo.wait_held()
    demo.open_gate()
    ends = demo.wait_for("end", count=2)
    assert [(end["task"], end["client_gone"]) for end in ends] == [("running", True), ("waiting", True)]
    assert demo.log()["overlaps"] == [["running", "waiting"]]


def test_starves_every_call_when_40_requests_are_inside(demo: DemoForge, pool: ThreadPoolExecutor) -> None:
    demo.shut_gate(0.5)
    running: list[Future[requests.Response]] = [pool.submit(generate, demo, f"t{number}") for number in range(39)]
    demo.wait_for("arrive", count=39)
    assert progress(demo)["state"]["job_count"] == 1
    running.append(pool.submit(generate, demo, "t39"))
    demo.wait_for("arrive", count=40)
    with pytest.raises(requests.Timeout):
        progress(demo, timeout=0.5)
    demo.open_gate()
    assert all(each.result().ok for each in running)


def test_compresses_unless_asked_not_to(demo: DemoForge) -> None:
    url = f"{demo.url}/sdapi/v1/schedulers"
    assert requests.get(url, timeout=5).headers.get("Content-Encoding") == "gzip"
    plain = requests.get(url, timeout=5, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers


def test_asks_for_a_password_on_the_api_only(demo: DemoForge) -> None:
    demo.settings(auth="me:secret")
    assert requests.get(f"{demo.url}/sdapi/v1/samplers", timeout=5).json() == {"detail": "Not authenticated"}
    wrong = requests.get(f"{demo.url}/sdapi/v1/samplers", timeout=5, auth=("me", "wrong"))
    assert (wrong.status_code, wrong.headers["WWW-Authenticate"]) == (401, "Basic")
    assert requests.get(f"{demo.url}/sdapi/v1/samplers", timeout=5, auth=("me", "secret")).ok
    assert requests.get(f"{demo.url}/internal/ping", timeout=5).json() == {}


def test_has_no_internal_routes_without_its_web_page(demo: DemoForge) -> None:
    demo.settings(webui=False)
    answer = post(demo, "/internal/progress", id_task="a")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


def test_answers_404_while_it_boots(demo: DemoForge) -> None:
    demo.order("POST", "boot", seconds=30)
    assert requests.get(f"{demo.url}/sdapi/v1/progress", timeout=5).status_code == 404
    demo.order("POST", "boot", seconds=0)
    assert progress(demo)["progress"] == 0.0


def test_refuses_connections_and_listens_again(demo: DemoForge) -> None:
    demo.order("POST", "refuse")
    with pytest.raises(requests.ConnectionError):
        progress(demo)
    demo.order("POST", "accept")
    assert progress(demo)["progress"] == 0.0


def test_keeps_a_connection_for_several_requests(demo: DemoForge) -> None:
    host, port = demo.url.removeprefix("http://").split(":")
    connection = HTTPConnection(host, int(port), timeout=5)
    sockets = set()
    for _ in range(3):
        connection.request("GET", "/internal/ping")
        assert connection.getresponse().read() == b"{}\n"
        sockets.add(connection.sock)
    connection.close()
    assert len(sockets) == 1


def test_dies_at_once_on_sigterm_with_its_last_words_on_the_disk(tmp_path: Any) -> None:
    with DemoForge("--log-file", str(tmp_path / "seen.jsonl")) as demo, ThreadPoolExecutor(1) as pool:
        demo.shut_gate(0.5)
        running = pool.submit(generate, demo, "a")
        demo.wait_held()
        began = time.monotonic()
        demo.terminate()
        assert demo.wait() != 0
        assert time.monotonic() - began < 10
        with pytest.raises(requests.ConnectionError):
            running.result()
        seen = [json.loads(line)["event"] for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
        assert seen == ["arrive", "start"]


def test_paints_one_picture_while_it_answers_others(demo: DemoForge, pool: ThreadPoolExecutor) -> None:
    demo.settings(payload="painted", step_seconds=0.05)
    running = pool.submit(generate, demo, "a", width=512, height=512)
    seen = set()
    while not running.done():
        seen.add(progress(demo)["state"]["sampling_step"])
    assert running.result().ok
    assert len(seen) >= 3
    assert threading.active_count() > 1


def test_takes_orders_on_its_control_port_only(demo: DemoForge) -> None:
    for method, path in (("GET", "log"), ("POST", "faults"), ("POST", "refuse")):
        assert requests.request(method, f"{demo.url}/demo/{path}", json={}, timeout=5).status_code == 404


def test_can_be_started_with_a_standing_fault() -> None:
    with DemoForge("--fault", "poisoned") as demo:
        assert [generate(demo, name).status_code for name in ("a", "b")] == [500, 500]
