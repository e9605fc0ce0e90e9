"""A job that was stored although its submission was answered 503 is taken back as if it had never been, if it waits."""

import pytest
from sqlalchemy import text

from shared.domain.jobs import Job, Status
from shared.store import Claimant, Store
from tests.builders import ALICE, PARAMS, stored_job

GPU = Claimant("gpu1@host", "boot-1", "http://forge")


def test_a_waiting_job_goes_with_its_messages_its_conversation_and_its_callback(store: Store) -> None:
    job = stored_job(store, callback_url="https://hooks.example/x")
    change = store.withdraw_job(job.job_id)
    assert change and change.moved_line
    assert (change.job.job_id, change.job.status, change.job.version) == (job.job_id, Status.CANCELLED, 2)
    assert rows(store) == {"jobs": 0, "messages": 0, "conversations": 0, "webhook_outbox": 0}


def test_a_conversation_keeps_what_else_was_said_in_it(store: Store) -> None:
    first = stored_job(store)
    job, last = (stored_job(store, conversation_id=first.conversation_id) for _ in range(2))
    assert store.withdraw_job(job.job_id)
    assert [one.job_id for one in store.unfinished_jobs(ALICE.user_id)] == [first.job_id, last.job_id]
    kept = store.messages_page(first.conversation_id, before=None, limit=9)
    assert [message.role for message in kept] == ["user", "bot"] * 2
    assert [message.id for message in kept[1::2]] == [first.message_id, last.message_id]


def test_one_that_is_drawn_is_to_be_cancelled(store: Store) -> None:
    job = claimed(store)
    change = store.withdraw_job(job.job_id)
    assert change and change.job.cancel_requested and not change.moved_line
    assert store.job(job.job_id) == change.job
    assert rows(store) == {"jobs": 1, "messages": 2, "conversations": 1, "webhook_outbox": 0}


@pytest.mark.parametrize("asked", [False, True], ids=["ended", "cancel asked for"])
def test_one_that_has_ended_or_is_being_cancelled_stays_as_it_is(store: Store, asked: bool) -> None:
    job = claimed(store)
    if asked:
        store.cancel_job(job.job_id, ALICE)
    else:
        store.complete(job, image_name="x.png", params=PARAMS)
    before = store.job(job.job_id)
    change = store.withdraw_job(job.job_id)
    assert change and change.same_status
    assert store.job(job.job_id) == change.job == before


def test_one_that_is_not_there_is_nothing(store: Store) -> None:
    assert store.withdraw_job("none") is None


def claimed(store: Store) -> Job:
    stored_job(store)
    change = store.claim(GPU, lease_s=30)
    assert change
    return change.job


def rows(store: Store) -> dict[str, int]:
    tables = ("jobs", "messages", "conversations", "webhook_outbox")
    with store.engine.begin() as connection:
        return {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in tables}
