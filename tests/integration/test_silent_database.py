"""A PostgreSQL that stands still refuses nothing and answers nothing: the API says so in time, and goes on after it."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from time import monotonic

import psutil
import pytest
import requests
import websocket
from sqlalchemy import text

from cli.embedded_postgres import EmbeddedPostgres
from shared import redis_link
from shared.domain.identity import Identity
from shared.line_index import LineIndex
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
#: a busy machine may be too slow to freeze the server while its connections are in steady use
TRIES = 5


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


def submit(api: ApiServer, **headers: str) -> requests.Response:
    return requests.post(api.url("/image/generate"), json={"prompt": "x"}, headers=bearer() | headers, timeout=30)


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


def changes(store: Store) -> int:
    """Return how many changes of jobs were numbered, those that are still under way too."""
    with store.engine.begin() as connection:
        return int(connection.execute(text("SELECT last_value FROM job_changes")).scalar_one())


def messages(store: Store) -> int:
    with store.engine.begin() as connection:
        return int(connection.execute(text("SELECT count(*) FROM messages")).scalar_one())


def refused_and_carried_out(api: ApiServer, postgres: EmbeddedPostgres, store: Store, **headers: str) -> int:
    """Submit while the server stands still; return the number of changes before it carried that out all the same."""
    for _ in range(TRIES):
        for _ in range(2):  # what is in steady use is not asked first whether it lives
            assert submit(api).status_code == 202
        before = changes(store)
        with frozen(postgres):
            refused = submit(api, **headers)
        assert (refused.status_code, refused.json()["code"]) == (503, "queue_unavailable")
        wait_for(lambda: is_ready(api), what="the API to be ready again")
        if carried_out(store, before):
            return before
    raise AssertionError("the server was never frozen in time: nothing was sent to it")


def carried_out(store: Store, before: int) -> bool:
    """Tell whether what was sent to a server that stood still made a change of a job when it went on."""
    with suppress(AssertionError):
        return wait_for(lambda: changes(store) > before, timeout_s=2)
    return False


def test_what_was_answered_503_and_carried_out_all_the_same_is_withdrawn(
    api: ApiServer, postgres: EmbeddedPostgres, store: Store, redis_url: str
) -> None:
    before = refused_and_carried_out(api, postgres, store)
    wait_for(lambda: changes(store) >= before + 2, what="a second change, which only its withdrawal can be")
    accepted = wait_for(lambda: only_accepted(store, before), what="the job to be gone")
    assert messages(store) == 2 * len(accepted)
    assert len(store.conversations_page("alice", before=None, limit=50)) == len(accepted)
    assert set(LineIndex(redis_link.connect(redis_url)).scores()) == accepted


def only_accepted(store: Store, before: int) -> set[str]:
    """Return alice's jobs, none of which came after `before` changes; nothing as long as one did."""
    found = store.unfinished_jobs("alice")
    return set() if any(job.change_seq > before for job in found) else {job.job_id for job in found}


def test_one_with_a_key_is_kept_and_found_by_it(api: ApiServer, postgres: EmbeddedPostgres, store: Store) -> None:
    kept_after = refused_and_carried_out(api, postgres, store, **{"Idempotency-Key": "mine"})
    before = refused_and_carried_out(api, postgres, store)
    wait_for(lambda: changes(store) >= before + 2, what="the withdrawal of what came later and without a key")
    found = submit(api, **{"Idempotency-Key": "mine"})
    assert found.status_code == 200
    job = store.job(found.json()["job_id"])
    assert job and (job.status, job.change_seq) == ("queued", kept_after + 1)
