"""The store on a real PostgreSQL: submissions, claims, fences, ends."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from shared.domain.errors import (
    ErrorCode,
    IdempotencyConflict,
    JobFinished,
    NotFound,
    QueueFull,
    TooManyJobs,
)
from shared.domain.jobs import Job, Priority, Stage, Status
from shared.store import Caps, Claimant, Store, TicketTaken
from shared.store.tables import jobs
from tests.builders import ADMIN, ALICE, BOB, NO_CAPS, new_job, stored_job

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


def test_two_merges_of_different_keys_both_survive(store: Store) -> None:
    job = stored_job(store)

    def merge(number: int) -> None:
        store.update_message(job.message_id, {"notes": {f"n{number}": number}})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(merge, range(40)))
    bot = store.messages_page(job.conversation_id, before=None, limit=1)[0]
    assert bot.extra_metadata["notes"] == {f"n{number}": number for number in range(40)}
