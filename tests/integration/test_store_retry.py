"""A job begun again, or moved to the front, on a real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text

from shared.domain.errors import JobFinished, NotRetryable
from shared.domain.jobs import Priority, Status
from shared.store import Caps, Claimant, Store, TicketTaken
from shared.store.tables import messages
from tests.builders import ADMIN, ALICE, BOB, NO_CAPS, next_ticket, stored_job
from tests.waiting import wait_for


def test_a_retry_stands_on_the_same_message_and_wins_once(store: Store) -> None:
    job = stored_job(store)
    store.cancel_job(job.job_id, ALICE)

    def retry(ticket: int) -> str | None:
        try:
            return store.retry_job(job.job_id, ALICE, ticket=ticket, caps=NO_CAPS).job.job_id
        except NotRetryable:
            return None

    with ThreadPoolExecutor(4) as pool:
        made = [found for found in pool.map(retry, [next_ticket() for _ in range(4)]) if found]
    assert len(made) == 1
    again = store.job(made[0])
    assert again and again.retry_of == job.job_id and again.message_id == job.message_id
    bot = store.messages_page(job.conversation_id, before=None, limit=1)[0]
    assert bot.extra_metadata["error"] is None and bot.extra_metadata["status"] == "queued"
    assert store.job(job.job_id).status is Status.CANCELLED  # type: ignore[union-attr]


def test_what_cannot_be_retried_is_told_so_where_no_room_is_left_too(store: Store) -> None:
    job = stored_job(store)
    store.cancel_job(job.job_id, ALICE)
    store.retry_job(job.job_id, ALICE, ticket=next_ticket(), caps=NO_CAPS)
    with pytest.raises(NotRetryable):
        store.retry_job(job.job_id, ALICE, ticket=next_ticket(), caps=Caps(max_queue=1, max_jobs_per_user=1))


def test_the_front_of_the_line_is_before_all_others(store: Store) -> None:
    jobs = [stored_job(store) for _ in range(3)]
    store.move_to_front(jobs[2].job_id)
    assert [store.position(store.job(job.job_id)) for job in jobs] == [2, 3, 1]  # type: ignore[arg-type]


def test_who_is_at_the_front_already_stays_as_it_is(store: Store) -> None:
    first, second = stored_job(store), stored_job(store)
    moved = store.move_to_front(second.job_id)
    assert (store.move_to_front(second.job_id).job, moved.moved_line) == (moved.job, True)
    assert store.move_to_front(first.job_id).moved_line
    assert [store.position(store.job(job.job_id)) for job in (first, second)] == [1, 2]  # type: ignore[arg-type]


def test_a_job_that_is_worked_is_before_the_front_of_the_line_and_stays_as_it_is(store: Store) -> None:
    stored_job(store)
    claimed = store.claim(Claimant("gpu1@host", "boot-1", "http://forge"), lease_s=30)
    assert claimed is not None
    running = claimed.job
    change = store.move_to_front(running.job_id)
    assert (change.job, change.moved_line) == (running, False)
    assert store.finish_cancel(running)
    with pytest.raises(JobFinished):
        store.move_to_front(running.job_id)


def test_a_retry_does_not_inherit_the_front_of_the_line(store: Store) -> None:
    others = [stored_job(store), stored_job(store, BOB)]
    fronted = stored_job(store)
    store.move_to_front(fronted.job_id)
    store.cancel_job(fronted.job_id, ALICE)
    again = store.retry_job(fronted.job_id, ALICE, ticket=next_ticket(), caps=NO_CAPS).job
    assert (again.priority, store.position(again)) == (Priority.NORMAL, 1 + len(others))
    high = stored_job(store, ADMIN, priority=Priority.HIGH)
    store.cancel_job(high.job_id, ADMIN)
    assert store.retry_job(high.job_id, ADMIN, ticket=next_ticket(), caps=NO_CAPS).job.priority == Priority.HIGH


def test_a_retry_that_its_conversations_deletion_waits_for_is_ended_with_it(store: Store) -> None:
    job = stored_job(store)
    store.cancel_job(job.job_id, ALICE)

    def waiting() -> int:
        with store.engine.connect() as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            return int(connection.execute(text(query)).scalar_one())

    with ThreadPoolExecutor(2) as pool, store.engine.begin() as someone:
        someone.execute(select(messages.c.id).where(messages.c.id == job.message_id).with_for_update())
        retry = pool.submit(store.retry_job, job.job_id, ALICE, ticket=next_ticket(), caps=NO_CAPS)
        wait_for(lambda: waiting() == 1)
        deletion = pool.submit(store.delete_conversation, job.conversation_id, ALICE)
        wait_for(lambda: waiting() == 2)
        someone.rollback()
        again = retry.result().job
    assert [change.job.job_id for change in deletion.result().changes] == [again.job_id]


def test_a_retry_whose_ticket_is_taken_says_so_and_stores_nothing(store: Store) -> None:
    job = stored_job(store)
    store.cancel_job(job.job_id, ALICE)
    with pytest.raises(TicketTaken):
        store.retry_job(job.job_id, ALICE, ticket=job.ticket, caps=NO_CAPS)
    assert store.unfinished_jobs(ALICE.user_id) == []
