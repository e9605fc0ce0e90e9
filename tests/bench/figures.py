"""What is measured of ours, figure by figure; each function fills in its part of the results."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any

from websocket import WebSocket, create_connection

from shared.store import Claimant
from tests.bench.http_load import client_name, submissions_per_s
from tests.bench.results import Figure, Results
from tests.bench.stage import Stage

#: 1024 × 1024 pixels of noise weigh 3.1 MB as a PNG
PICTURE = {"width": 1024, "height": 1024, "steps": 4}
GAP_JOBS, GAP_RUNS, GAP_JOB_S = 300, 3, 0.05
ROLES = {"api.serve": "API", "worker worker -n gpu": "GPU worker", "beat worker": "maintenance", "beat beat": "clock"}
DEPTHS = (10, 1_000, 10_000, 100_000)


def warm_up(stage: Stage, count: int = 100) -> None:
    """Let every process do what it does at its first jobs only, and open the connections that it keeps."""
    stage.forge.settings(job_seconds=0.01, payload="noise")
    submissions_per_s(stage.url, connections=16, seconds=1)
    stage.empty()
    stage.deepen(count)
    stage.resume()
    stage.forge.order("GET", f"log?event=answered&count={count}&wait=120")
    for _ in range(count):
        stage.get(f"/image/job/{stage.submit(**PICTURE)}/status")
    stage.empty()


def submissions(stage: Stage, results: Results) -> None:
    """Durable submissions a second, while the worker is busy with another job."""
    with busy(stage):
        for connections, goal in ((1, None), (16, 600.0)):
            rates = [submissions_per_s(stage.url, connections=connections, seconds=3) for _ in range(3)]
            name = f"submissions, {connections} connection(s)"
            results.add(Figure(name, "1/s", max(rates), count=3, goal=goal, at_least=True))
    results.note(f"load client of the submissions: {client_name()}")
    stage.empty()


def first_signs(stage: Stage, results: Results, count: int = 40) -> None:
    """From a submission to its first event, and to `processing`, on an idle system."""
    stage.forge.settings(job_seconds=0.02, payload="plain")
    stage.resume()
    socket = settled_socket(stage)
    first, processing = [], []
    for _ in range(count):
        began = time.perf_counter()
        job_id = stage.submit(**PICTURE)
        seen = events_until_end(socket, job_id)
        first.append(1000 * (seen[0][0] - began))
        processing.append(1000 * (next(at for at, job in seen if job["started_at"]) - began))
    socket.close()
    results.add(Figure.of("submit → first event, idle", "ms", first, goal=10))
    results.add(Figure.of("submit → processing, idle", "ms", processing, goal=25))
    stage.empty()


def gap(stage: Stage, results: Results, waiting: int) -> None:
    """The GPU's idle time between two generations with 3 MB pictures: the best of some runs."""
    stage.forge.settings(job_seconds=GAP_JOB_S, payload="noise")
    runs = []
    for _ in range(GAP_RUNS):
        stage.empty()
        stage.deepen(waiting + GAP_JOBS)
        stage.resume()
        stage.wait_answered(GAP_JOBS)
        stage.pause()
        runs.append(gaps_ms(stage.forge.log()["entries"])[:GAP_JOBS])
    best = min(runs, key=median)
    results.add(Figure.of(f"idle gap, 3 MB pictures, {waiting} waiting", "ms", best, goal=3.0, p99_goal=12.0))
    stage.empty()


def makespan(stage: Stage, results: Results, count: int = 1000, job_s: float = 0.05) -> None:
    """How long many short jobs take, over what they would take without us."""
    stage.forge.settings(job_seconds=job_s, payload="plain")
    stage.deepen(count)
    stage.resume()
    stage.wait_answered(count)
    entries = [entry for entry in stage.forge.log()["entries"] if entry["event"] in ("arrive", "answered")]
    took_s = entries[-1]["t"] - entries[0]["t"]
    results.add(Figure(f"makespan of {count} jobs of 50 ms, over the ideal", "×", took_s / count / job_s, goal=1.1))
    stage.empty()


def depth(stage: Stage, results: Results) -> None:
    """What one asks, cancels and claims in lines of growing length, each job another owner's."""
    for waiting in DEPTHS:
        stage.deepen(waiting)
        ids = [row[0] for row in stage.store.waiting_scores()]
        middle = ids[len(ids) // 2]
        status = timed(partial(stage.get, f"/image/job/{middle}/status"), 200)
        goals = {"goal": 5.0 if waiting <= 10_000 else 8.0, "p99_goal": 25.0}
        results.add(Figure.of(f"GET status with its place, {waiting} waiting", "ms", status, **goals))
        few = 3 if waiting < 100 else 40
        results.add(Figure.of(f"cancel, {waiting} waiting", "ms", cancels(stage, ids[-few - 1 :]), goal=5.0))
        results.add(Figure.of(f"submit one more, {waiting} waiting", "ms", timed(stage.submit, 40)))
        results.add(Figure.of(f"claim, {waiting} waiting", "ms", claims(stage, few)))
    stage.empty()


def cancels(stage: Stage, job_ids: list[str]) -> list[float]:
    """Return milliseconds of cancels, one job each."""
    victims = iter(job_ids)
    return timed(lambda: stage.delete(f"/image/job/{next(victims)}/cancel"), len(job_ids) - 1)


def claims(stage: Stage, count: int) -> list[float]:
    """Return milliseconds of claims in the store, each put back after."""
    claimant = Claimant("bench@host", "bench", "http://bench")
    took = []
    for _ in range(count):
        stage.store.resume()
        began = time.perf_counter()
        change = stage.store.claim(claimant, lease_s=30)
        took.append(1000 * (time.perf_counter() - began))
        stage.store.pause()
        if change is not None:
            stage.store.put_back(change.job)
    return took


def memory(stage: Stage, results: Results, before: dict[str, list[float]]) -> None:
    """How much the processes have grown since `before`, by all the jobs submitted and drawn meanwhile."""
    for name, now in resident_mb(stage).items():
        was = before.get(name, [])
        grown = max((after / each for after, each in zip(now, was, strict=False)), default=0.0)
        same = len(now) == len(was)  # a process that came or went cannot be compared
        results.add(Figure(f"memory of {name}, after over before", "×", grown if same else float("inf"), goal=1.1))
        results.note(f"{name}: {_in_mb(was)} MB, then {_in_mb(now)} MB")


def resident_mb(stage: Stage) -> dict[str, list[float]]:
    """Return the resident memory (RSS) of our own processes, parents before their children, by what they are."""
    found: dict[str, list[float]] = {}
    for child in stage.stack.up().children():
        words = " ".join(child.cmdline())
        name = next((role for text, role in ROLES.items() if text in words), None)
        if name:
            family = [child, *child.children(recursive=True)]
            found[name] = [process.memory_info().rss / 2**20 for process in family]
    return found


def _in_mb(family: list[float]) -> str:
    return " + ".join(f"{mb:.0f}" for mb in family)


def timed(call: Callable[[], object], count: int) -> list[float]:
    """Return the milliseconds of each call; the first is a rehearsal."""
    call()
    took = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        took.append(1000 * (time.perf_counter() - began))
    return took


def gaps_ms(entries: list[dict[str, Any]]) -> list[float]:
    """Return the milliseconds from each answer's last byte to the first byte of the next request."""
    told = [entry for entry in entries if entry["event"] in ("arrive", "answered")]
    moments = [(entry.get("began", entry["t"]), entry["event"]) for entry in told]
    both = (pair for pair in pairwise(moments) if [event for _, event in pair] == ["answered", "arrive"])
    return [1000 * (after[0] - before[0]) for before, after in both]


def settled_socket(stage: Stage) -> WebSocket:
    """Return a socket that has followed one job; one that a storm of earlier events has closed is opened again."""
    while True:
        socket = create_connection(stage.url.replace("http", "ws") + "/ws", timeout=20)
        with suppress(ValueError):  # what ends a socket is no JSON
            events_until_end(socket, stage.submit(**PICTURE))
            return socket


def events_until_end(socket: WebSocket, job_id: str) -> list[tuple[float, dict[str, Any]]]:
    """Return (moment, job) of every event of a job, up to its end."""
    seen: list[tuple[float, dict[str, Any]]] = []
    while not seen or seen[-1][1]["finished_at"] is None:
        event = json.loads(socket.recv())
        if event["type"] == "image_progress" and event["job"]["job_id"] == job_id:
            seen.append((time.perf_counter(), event["job"]))
    return seen


@contextmanager
def busy(stage: Stage) -> Iterator[None]:
    """Have the worker held in the middle of a generation inside the `with` block."""
    stage.forge.shut_gate("loading")
    stage.resume()
    stage.submit(**PICTURE)
    stage.forge.wait_held()
    try:
        yield
    finally:
        stage.store.pause()
        stage.forge.open_gate()
