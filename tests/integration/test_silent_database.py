"""A PostgreSQL that stands still refuses nothing and answers nothing: the API says so in time, and goes on after it."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic

import psutil
import pytest
import requests
import websocket

from cli.embedded_postgres import EmbeddedPostgres
from shared.domain.identity import Identity
from shared.store import Store
from tests.api_server import ApiServer, api_server
from tests.builders import stored_job
from tests.relay_client import greeted, hear_until
from tests.tokens import bearer
from tests.waiting import in_time, wait_for

WITHIN_S = 2.0
#: more than each pool has connections
MANY = 20
ALICE = Identity("alice", None)


@pytest.fixture
def api(database_url: str, redis_url: str) -> Iterator[ApiServer]:
    with api_server(database_url, redis_url) as running:
        yield running


@contextmanager
def frozen(postgres: EmbeddedPostgres) -> Iterator[None]:
    """Let every process of the server stand still, and go on at the end."""
    postmaster = psutil.Process(postgres.pid)
    stopped = [postmaster]
    postmaster.suspend()  # first: it makes no more
    for backend in postmaster.children(recursive=True):
        backend.suspend()
        stopped.append(backend)
    try:
        yield
    finally:
        for process in reversed(stopped):
            os.kill(process.pid, signal.SIGCONT)


def submit(api: ApiServer) -> requests.Response:
    return requests.post(api.url("/image/generate"), json={"prompt": "x"}, headers=bearer(), timeout=30)


def is_ready(api: ApiServer) -> bool:
    return requests.get(api.url("/readyz"), timeout=30).status_code == 200


def test_what_needs_it_is_answered_503_in_time_and_nothing_is_stored(
    api: ApiServer, postgres: EmbeddedPostgres, store: Store
) -> None:
    def refused_within() -> float:
        with frozen(postgres):
            began = monotonic()
            ready = requests.get(api.url("/readyz"), timeout=30)
            asked = monotonic()
            refused = submit(api)
            done = monotonic()
        assert (ready.status_code, ready.json()["postgresql"], ready.json()["redis"]) == (503, "unreachable", "ok")
        assert (refused.status_code, refused.json()["code"]) == (503, "queue_unavailable")
        assert int(refused.headers["Retry-After"]) >= 1
        wait_for(lambda: is_ready(api), what="the API to be ready again")
        return max(asked - began, done - asked)

    before = submit(api)
    assert before.status_code == 202
    assert in_time(refused_within, WITHIN_S)
    assert submit(api).status_code == 202
    assert before.json()["job_id"] in {job.job_id for job in store.unfinished_jobs("alice")}
    assert len(store.unfinished_jobs("alice")) == 2


def test_however_many_ask_at_once_nobody_waits_longer(api: ApiServer, postgres: EmbeddedPostgres) -> None:
    def timed(_: int) -> tuple[int, float]:
        began = monotonic()
        return submit(api).status_code, monotonic() - began

    def slowest_s() -> float:
        with frozen(postgres):
            answers = list(pool.map(timed, range(MANY)))
        assert {status for status, _ in answers} == {503}
        wait_for(lambda: is_ready(api), what="the API to be ready again")
        return max(took_s for _, took_s in answers)

    with ThreadPoolExecutor(MANY) as pool:
        assert {status for status, _ in pool.map(timed, range(MANY))} == {202}
        assert in_time(slowest_s, WITHIN_S)


def test_sockets_are_told_again_when_it_goes_on(api: ApiServer, postgres: EmbeddedPostgres, store: Store) -> None:
    job = stored_job(store, ALICE)
    ws = websocket.create_connection(f"ws://{api.host}/ws", header=bearer(), timeout=30)
    greeted(ws)
    with frozen(postgres):
        assert not is_ready(api)
        assert not is_ready(api)
    assert store.cancel_job(job.job_id, ALICE)  # nobody publishes it: only the sweep can tell
    hear_until(ws, lambda event: event["type"] == "image_progress" and event["job"]["status"] == "cancelled")
    ws.close()
