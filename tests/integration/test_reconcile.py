"""Redis is compared with the store and mended, whatever it lost or brought back."""

from collections.abc import Callable

import pytest

from beat.duties import Duties
from beat.reconcile import reconcile
from shared import redis_link
from shared.domain.jobs import Job
from shared.redis_keys import EPOCH, LINE
from shared.store import Store
from tests.builders import NO_CAPS, new_job, stored_job


@pytest.mark.parametrize("at_once", [500, 2])
def test_what_redis_lost_is_built_anew_and_a_second_look_finds_nothing(
    duties: Duties, store: Store, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("beat.reconcile.AT_ONCE", at_once)
    jobs = [stored_job(store) for _ in range(5)]
    assert duties.index.job_ids() is None
    assert reconcile(duties) > 0
    assert duties.index.job_ids() == [job.job_id for job in jobs]
    assert duties.index.epoch() == store.line_state().epoch
    assert reconcile(duties) == 0


def test_a_lost_index_is_a_warning_only_where_there_was_a_line(
    duties: Duties, store: Store, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    reconcile(duties)
    assert [entry.getMessage() for entry in caplog.records if entry.levelname == "WARNING"] == []
    stored_job(store)
    redis = redis_link.connect(redis_url)
    redis.flushall()
    reconcile(duties)
    assert "Redis had lost the line's index: a new one is in use" in caplog.text
    redis.close()


def test_an_index_that_differs_is_mended_place_by_place(duties: Duties, store: Store, redis_url: str) -> None:
    jobs = [stored_job(store) for _ in range(4)]
    reconcile(duties)
    redis = redis_link.connect(redis_url)
    redis.zadd(LINE, {"ghost": 1, jobs[3].job_id: 2})
    redis.zrem(LINE, jobs[1].job_id)
    assert reconcile(duties) == 3
    assert duties.index.job_ids() == [job.job_id for job in jobs]
    redis.close()


def test_a_job_that_is_stored_while_it_is_looked_for_stays_in_the_line(
    duties: Duties, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile(duties)
    new = new_job()
    entry = duties.index.enter(new.job_id, new.priority, duties.store.highest_ticket)
    look = duties.store.jobs_by_id

    def look_too_early(job_ids: list[str]) -> list[Job]:
        monkeypatch.setattr(duties.store, "jobs_by_id", look)
        found = look(job_ids)
        change, _ = duties.store.add_job(new, ticket=entry.ticket, caps=NO_CAPS)
        duties.index.note([change.job])
        return found

    monkeypatch.setattr(duties.store, "jobs_by_id", look_too_early)
    reconcile(duties)
    assert duties.index.job_ids() == [new.job_id]


def test_a_redis_that_came_back_with_old_data_is_not_believed(duties: Duties, store: Store, redis_url: str) -> None:
    stored_job(store)
    reconcile(duties)
    redis = redis_link.connect(redis_url)
    redis.set(EPOCH, "of a week ago")
    reconcile(duties)
    assert duties.index.epoch() == store.line_state().epoch != "of a week ago"
    redis.close()


def test_missing_wake_ups_are_rung_once_for_every_worker_that_could_hear(duties: Duties, store: Store) -> None:
    for _ in range(5):
        stored_job(store)
    reconcile(duties)
    assert duties.bell.unheard() == 1
    reconcile(duties)
    assert duties.bell.unheard() == 1


def test_a_paused_line_is_not_rung_for(duties: Duties, store: Store) -> None:
    stored_job(store)
    store.pause()
    reconcile(duties)
    assert duties.bell.unheard() == 0


def test_without_redis_there_is_nothing_to_reconcile_with(make_duties: Callable[..., Duties], store: Store) -> None:
    stored_job(store)
    assert reconcile(make_duties(REDIS_URL="redis://127.0.0.1:1/0")) == 0
