"""A cancel of a waiting job is one statement, writes what a merge under the message's lock would, and is told."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from shared import redis_link
from shared.domain import events
from shared.domain.errors import ErrorCode, error_text
from shared.domain.jobs import Job, Status, stored_view
from shared.domain.metadata import deep_merge
from shared.domain.texts import LOCALES
from shared.events_bus import Subscription
from shared.line_index import LineIndex
from shared.store import Claimant, Store
from tests.builders import ADMIN, ALICE, stored_job
from tests.door_world import world

FOREIGN: dict[str, Any] = {"chat": {"theme": "dark", "deep": {"a": [1, None]}}, "params": {"note": "mine"}, "k": None}


@pytest.mark.parametrize("locale", LOCALES)
def test_the_message_is_merged_as_the_domain_merges(store: Store, locale: str) -> None:
    job = stored_job(store, locale=locale)
    store.update_message(job.message_id, FOREIGN)
    before = metadata_of(store, job)
    ended = store.cancel_job(job.job_id, ADMIN).job
    assert ended == store.job(job.job_id)
    assert (ended.status, ended.version, ended.error) == (
        Status.CANCELLED,
        job.version + 1,
        error_text(ErrorCode.CANCELLED, locale),
    )
    assert ended.change_seq > job.change_seq
    assert metadata_of(store, job) == deep_merge(before, stored_view(ended))


def test_a_waiting_job_is_cancelled_in_one_statement(store: Store) -> None:
    job, said = stored_job(store), []
    for engine in (store.engine, store._engine("AUTOCOMMIT")):
        event.listen(engine, "checkout", lambda *_: said.append("connection"))
        event.listen(engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    store.cancel_job(job.job_id, ALICE)
    assert said == ["connection"], "one connection, and nothing but what the driver is given at once"


def test_a_cancel_and_merges_at_the_same_moment_all_survive(store: Store) -> None:
    job = stored_job(store)

    def merge(number: int) -> None:
        if number == 10:
            store.cancel_job(job.job_id, ALICE)
        store.update_message(job.message_id, {"notes": {f"n{number}": number}})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(merge, range(20)))
    found = metadata_of(store, job)
    assert found["notes"] == {f"n{number}": number for number in range(20)}
    assert found["status"] == "cancelled"


def test_of_a_claim_and_a_cancel_one_wins(store: Store) -> None:
    for _ in range(20):
        job = stored_job(store)
        with ThreadPoolExecutor(2) as pool:
            claimed = pool.submit(store.claim, Claimant("gpu1@a", "boot", "http://f"), lease_s=30)
            cancelled = pool.submit(store.cancel_job, job.job_id, ALICE).result()
        change = claimed.result()
        assert cancelled.job.cancel_requested
        assert (cancelled.job.status is Status.CANCELLED) is (change is None)
        if change is not None:
            assert store.finish_cancel(change.job)


@pytest.mark.parametrize("callback", [None, "https://hooks.example.com"])
def test_it_is_out_of_the_line_when_it_is_answered_and_told_after(
    database_url: str, redis_url: str, tmp_path: Path, callback: str | None
) -> None:
    redis = redis_link.connect(redis_url)
    index = LineIndex(redis)
    index.begin_epoch("epoch")
    with world(database_url, redis_url, tmp_path) as made, Subscription(redis_url) as told:
        job = stored_job(made.store, callback_url=callback)
        index.note([made.waiting, job])
        answer = made.ask("owner", "DELETE", f"/image/job/{job.job_id}/cancel")
        view = answer.json or {}
        assert (answer.status_code, view["status"]) == (200, "cancelled")
        assert (view["queue_position"], view["queue_total"]) == (0, 1)
        assert index.job_ids() == [made.waiting.job_id]
        first, second = events.decode(told.receive()), events.decode(told.receive())
        assert first and json.loads(first.body)["job"] == view
        assert second and second.kind is events.Kind.LINE
        assert made.ask("owner", "DELETE", f"/image/job/{job.job_id}/cancel").get_json()["version"] == view["version"]
    redis.close()


def test_the_callback_tells_how_many_still_wait(store: Store) -> None:
    job = stored_job(store, callback_url="https://hooks.example.com")
    waiting = [stored_job(store) for _ in range(2)]
    store.cancel_job(job.job_id, ALICE)
    (callback,) = store.lend_callbacks(limit=1, per_host=1, loan_s=60)
    assert callback.payload["queue_total"] == len(waiting)


def metadata_of(store: Store, job: Job) -> dict[str, Any]:
    """Return the extra metadata of the job's message."""
    return store.messages_page(job.conversation_id, before=None, limit=1)[0].extra_metadata
