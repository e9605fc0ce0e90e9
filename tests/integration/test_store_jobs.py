"""The store on a real PostgreSQL: submissions, claims, fences, ends."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text

from shared.domain.errors import (
    ErrorCode,
    IdempotencyConflict,
    JobFinished,
    NotFound,
    NotRetryable,
    QueueFull,
    TooManyJobs,
)
from shared.domain.jobs import Job, Priority, Stage, Status
from shared.store import Caps, Claimant, Store, TicketTaken
from shared.store.tables import jobs, messages
from tests.builders import ADMIN, ALICE, BOB, NO_CAPS, new_job, stored_job
from tests.waiting import wait_for

GPU1 = Claimant("gpu1@host", "boot-1", "http://forge")


def claim(store: Store) -> Job:
    change = store.claim(GPU1, lease_s=30)
    assert change is not None
    return change.job


def test_a_submission_writes_two_messages_and_a_waiting_job(store: Store) -> None:
    change, created = store.add_job(new_job(), ticket=5, caps=NO_CAPS)
    job = change.job
    assert created and change.moved_line
    assert (job.status, job.stage, job.queue_position) == (Status.QUEUED, Stage.WAITING, 1)
    user, bot = store.messages_page(job.conversation_id, before=None, limit=50)
    assert (user.role, user.content) == ("user", job.prompt)
    assert (bot.id, bot.content) == (job.message_id, "[IMAGE_PENDING]")
    assert bot.extra_metadata["status"] == "queued"
    assert bot.extra_metadata["job_id"] == job.job_id


def test_the_claim_takes_the_first_of_priority_and_ticket(store: Store) -> None:
    later = stored_job(store)
    first = stored_job(store, priority=Priority.HIGH)
    assert claim(store).job_id == first.job_id
    assert claim(store).job_id == later.job_id
    assert store.claim(GPU1, lease_s=30) is None


def test_thirty_claims_at_once_take_thirty_different_jobs(store: Store) -> None:
    wanted = [stored_job(store).job_id for _ in range(30)]
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: store.claim(GPU1, lease_s=30), range(30)))
    assert sorted(change.job.job_id for change in claims if change) == sorted(wanted)


@pytest.mark.parametrize("fair", [False, True])
def test_a_claim_waits_for_nobody_who_is_about_to_take_the_first_job_away(store: Store, fair: bool) -> None:
    first, second = stored_job(store), stored_job(store, BOB)
    with ThreadPoolExecutor(1) as pool, store.engine.begin() as someone:
        someone.execute(select(jobs.c.job_id).where(jobs.c.job_id == first.job_id).with_for_update())
        change = pool.submit(store.claim, GPU1, lease_s=30, fair=fair).result(timeout=20)
    assert change and change.job.job_id == second.job_id


def test_a_paused_line_gives_no_job(store: Store) -> None:
    stored_job(store)
    assert store.pause() and not store.pause()
    assert store.claim(GPU1, lease_s=30) is None
    assert store.resume() and not store.resume()
    assert claim(store)


def test_a_worker_of_an_earlier_attempt_writes_nothing(store: Store) -> None:
    stored_job(store)
    first = claim(store)
    assert store.put_back(first, deaths=1)
    second = claim(store)
    assert (second.attempt, second.deaths) == (2, 1)
    assert store.save_progress(first, progress=50, stage=Stage.SAMPLING) is None
    assert store.complete(first, image_name="flux_x.png", params={}) is None
    assert store.renew_lease(first, lease_s=30) is None
    assert store.save_progress(second, progress=50, stage=Stage.SAMPLING)


def test_completion_stands_in_the_message(store: Store) -> None:
    job = stored_job(store)
    store.update_message(job.message_id, {"chat": {"theme": "dark"}})
    running = claim(store)
    done = store.complete(running, image_name="flux_x.png", params={**job.params, "seed": 7})
    assert done and done.job.progress == 100
    bot = store.messages_page(job.conversation_id, before=None, limit=1)[0]
    assert bot.content == "[IMAGE] IMAGE_PATH: /images/flux_x.png"
    assert bot.extra_metadata["chat"] == {"theme": "dark"}
    assert bot.extra_metadata["params"]["seed"] == 7
    assert bot.extra_metadata["stage"] is None


def test_a_terminal_job_never_changes(store: Store) -> None:
    job = stored_job(store)
    running = claim(store)
    store.fail(running, ErrorCode.FORGE_TIMEOUT, retryable=True, seconds="180")
    assert store.complete(running, image_name="flux_x.png", params={}) is None
    assert store.put_back(running) is None
    with pytest.raises(JobFinished):
        store.cancel_job(job.job_id, ALICE)


def test_progress_never_falls_within_an_attempt(store: Store) -> None:
    stored_job(store)
    running = claim(store)
    store.save_progress(running, progress=40, stage=Stage.SAMPLING)
    change = store.save_progress(running, progress=10, stage=Stage.SAMPLING)
    assert change and change.job.progress == 40


def test_a_waiting_job_is_cancelled_at_once_and_only_by_its_owner(store: Store) -> None:
    job = stored_job(store)
    with pytest.raises(NotFound):
        store.cancel_job(job.job_id, BOB)
    assert store.cancel_job(job.job_id, ALICE).job.status is Status.CANCELLED
    assert store.cancel_job(job.job_id, ALICE).job.status is Status.CANCELLED
    assert store.claim(GPU1, lease_s=30) is None


def test_a_processing_job_is_marked_and_its_worker_learns_it(store: Store) -> None:
    job = stored_job(store)
    running = claim(store)
    asked = store.cancel_job(job.job_id, ADMIN).job
    assert asked.cancel_requested and asked.status is Status.PROCESSING
    renewal = store.renew_lease(running, lease_s=30)
    assert renewal and renewal.cancel_requested
    assert store.put_back(running) is None
    assert store.fail(running, ErrorCode.FORGE_REJECTED, retryable=False) is None
    assert store.fail_silent(asked) is None
    ended = store.finish_cancel(running)
    assert ended and ended.job.error_code == "cancelled"


def test_one_key_makes_one_job_also_when_eight_arrive_at_once(store: Store) -> None:
    def submit(ticket: int) -> tuple[str, bool]:
        wanted = new_job(idempotency_key="k", body_hash="h")
        change, created = store.add_job(wanted, ticket=ticket, caps=NO_CAPS)
        return change.job.job_id, created

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(submit, range(100, 108)))
    assert len({job_id for job_id, _ in results}) == 1
    assert sum(created for _, created in results) == 1
    with pytest.raises(IdempotencyConflict):
        store.add_job(new_job(idempotency_key="k", body_hash="other"), ticket=200, caps=NO_CAPS)
    store.add_job(new_job(BOB, idempotency_key="k", body_hash="x"), ticket=201, caps=NO_CAPS)


def test_caps_hold_when_many_submit_at_once(store: Store) -> None:
    def submit(ticket: int) -> bool:
        try:
            store.add_job(new_job(), ticket=ticket, caps=Caps(max_queue=9, max_jobs_per_user=3))
        except TooManyJobs:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(submit, range(300, 308))) == 3
    with pytest.raises(QueueFull):
        store.add_job(new_job(BOB), ticket=310, caps=Caps(max_queue=3))


def test_a_ticket_is_unique_for_ever(store: Store) -> None:
    store.add_job(new_job(), ticket=1, caps=NO_CAPS)
    with pytest.raises(TicketTaken):
        store.add_job(new_job(), ticket=1, caps=NO_CAPS)
    assert store.highest_ticket() == 1


def test_a_foreign_conversation_is_as_good_as_missing(store: Store) -> None:
    theirs = stored_job(store, BOB).conversation_id
    for conversation_id in (theirs, "nowhere"):
        with pytest.raises(NotFound):
            store.add_job(new_job(conversation_id=conversation_id), ticket=9_000, caps=NO_CAPS)


def test_a_retry_stands_on_the_same_message_and_wins_once(store: Store) -> None:
    job = stored_job(store)
    store.cancel_job(job.job_id, ALICE)

    def retry(ticket: int) -> str | None:
        try:
            return store.retry_job(job.job_id, ALICE, ticket=ticket, caps=NO_CAPS).job.job_id
        except NotRetryable:
            return None

    with ThreadPoolExecutor(4) as pool:
        made = [found for found in pool.map(retry, range(1000, 1004)) if found]
    assert len(made) == 1
    again = store.job(made[0])
    assert again and again.retry_of == job.job_id and again.message_id == job.message_id
    bot = store.messages_page(job.conversation_id, before=None, limit=1)[0]
    assert bot.extra_metadata["error"] is None and bot.extra_metadata["status"] == "queued"
    assert store.job(job.job_id).status is Status.CANCELLED  # type: ignore[union-attr]


def test_what_cannot_be_retried_is_told_so_where_no_room_is_left_too(store: Store) -> None:
    job = stored_job(store)
    store.cancel_job(job.job_id, ALICE)
    store.retry_job(job.job_id, ALICE, ticket=1000, caps=NO_CAPS)
    with pytest.raises(NotRetryable):
        store.retry_job(job.job_id, ALICE, ticket=1001, caps=Caps(max_queue=1, max_jobs_per_user=1))


def test_the_front_of_the_line_is_before_all_others(store: Store) -> None:
    jobs = [stored_job(store) for _ in range(3)]
    store.move_to_front(jobs[2].job_id)
    assert [store.position(store.job(job.job_id)) for job in jobs] == [2, 3, 1]  # type: ignore[arg-type]


def test_a_job_that_is_worked_is_before_the_front_of_the_line_and_stays_as_it_is(store: Store) -> None:
    stored_job(store)
    running = claim(store)
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
    again = store.retry_job(fronted.job_id, ALICE, ticket=10**6, caps=NO_CAPS).job
    assert (again.priority, store.position(again)) == (Priority.NORMAL, 1 + len(others))
    high = stored_job(store, ADMIN, priority=Priority.HIGH)
    store.cancel_job(high.job_id, ADMIN)
    assert store.retry_job(high.job_id, ADMIN, ticket=10**6 + 1, caps=NO_CAPS).job.priority == Priority.HIGH


def test_the_message_tells_the_place_at_every_change_that_moved_it(store: Store) -> None:
    def told(job: Job) -> object:
        page = store.messages_page(job.conversation_id, before=None, limit=2)
        return next(one for one in page if one.id == job.message_id).extra_metadata["queue_position"]

    first, second, third = (stored_job(store) for _ in range(3))
    assert [told(job) for job in (first, second, third)] == [1, 2, 3]
    store.move_to_front(third.job_id)
    assert told(third) == 1
    running = claim(store)
    assert (running.job_id, told(third)) == (third.job_id, 0)
    store.put_back(running)
    assert told(third) == 1
    store.claim(GPU1, lease_s=30)
    second_running = claim(store)
    urgent = stored_job(store, priority=Priority.HIGH)
    store.put_back(second_running)
    assert (told(urgent), told(first)) == (1, 2)


def test_a_deleted_conversation_takes_its_jobs_along(store: Store) -> None:
    job = stored_job(store)
    claim(store)
    with pytest.raises(NotFound):
        store.delete_conversation(job.conversation_id, BOB)
    removed = store.delete_conversation(job.conversation_id, ALICE)
    assert [change.job.status for change in removed.changes] == [Status.CANCELLED]
    assert store.job(job.job_id) is None
    assert store.messages_page(job.conversation_id, before=None, limit=5) == []


def test_a_retry_that_its_conversations_deletion_waits_for_is_ended_with_it(store: Store) -> None:
    job = stored_job(store)
    store.cancel_job(job.job_id, ALICE)

    def waiting() -> int:
        with store.engine.connect() as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            return int(connection.execute(text(query)).scalar_one())

    with ThreadPoolExecutor(2) as pool, store.engine.begin() as someone:
        someone.execute(select(messages.c.id).where(messages.c.id == job.message_id).with_for_update())
        retry = pool.submit(store.retry_job, job.job_id, ALICE, ticket=10**6, caps=NO_CAPS)
        wait_for(lambda: waiting() == 1)
        deletion = pool.submit(store.delete_conversation, job.conversation_id, ALICE)
        wait_for(lambda: waiting() == 2)
        someone.rollback()
        again = retry.result().job
    assert [change.job.job_id for change in deletion.result().changes] == [again.job_id]


def test_two_merges_of_different_keys_both_survive(store: Store) -> None:
    job = stored_job(store)

    def merge(number: int) -> None:
        store.update_message(job.message_id, {"notes": {f"n{number}": number}})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(merge, range(40)))
    bot = store.messages_page(job.conversation_id, before=None, limit=1)[0]
    assert bot.extra_metadata["notes"] == {f"n{number}": number for number in range(40)}


def test_a_retry_whose_ticket_is_taken_says_so_and_stores_nothing(store: Store) -> None:
    job = stored_job(store)
    store.cancel_job(job.job_id, ALICE)
    with pytest.raises(TicketTaken):
        store.retry_job(job.job_id, ALICE, ticket=job.ticket, caps=NO_CAPS)
    assert store.unfinished_jobs(ALICE.user_id) == []
