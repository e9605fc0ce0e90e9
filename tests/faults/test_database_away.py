"""PostgreSQL leaves and comes back: what was drawn is written, what is in doubt is given up, nothing is half stored."""

import time
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.builders import NO_CAPS, new_job
from tests.faults.stack import HEARTBEAT_S, LEASE_S, MARGIN_S, RESCUE_S, Stack
from tests.waiting import assert_in_time, wait_for

POST_WITHIN_S = 2.0


def test_a_picture_drawn_while_the_database_is_away_is_kept_and_written_when_it_is_back(stack: Stack) -> None:
    stack.forge.settings(job_seconds=1.5)
    (job_id,) = stack.submit_many(1)
    stack.running(job_id)
    stack.postgres.kill()
    (end,) = stack.forge.wait_for("end", task=f"{job_id}-1-1")
    assert end["outcome"] == "complete"
    stack.postgres.start()
    with stack.stopwatch("9 database back: the kept picture is written", within_s=MARGIN_S):
        stack.wait_all([job_id])
    assert stack.job(job_id).attempt == 1
    assert len(stack.seen("arrive")) == 1
    stack.assert_clean([job_id])


def test_a_worker_that_could_not_renew_its_lease_stops_forge_and_starts_again(stack: Stack) -> None:
    stack.forge.settings(job_seconds=30)
    first, *others = jobs = stack.submit_many(3)
    stack.running(first)
    stack.postgres.kill()
    with stack.stopwatch("9 database away: Forge stopped by the worker itself", within_s=LEASE_S + 1):
        stack.forge.wait_for("interrupt", task=f"{first}-1-1")
    assert_in_time([refused_within(stack) for _ in range(3)], POST_WITHIN_S)
    stack.forge.settings(job_seconds=0.1)
    stack.postgres.start()
    with stack.stopwatch("9 database back after more than a lease: all drawn", within_s=LEASE_S + RESCUE_S + MARGIN_S):
        stack.wait_all(jobs)
    assert stack.order_drawn() == [first, *others]
    assert (stack.job(first).attempt, stack.job(first).deaths) == (2, 0)
    stack.assert_clean(jobs)


def test_a_database_that_restarts_again_and_again_loses_and_doubles_nothing(stack: Stack) -> None:
    stack.forge.settings(job_seconds=0.1)
    jobs = stack.submit_many(25)
    for number in (3, 8, 13, 18):
        stack.forge.wait_for("arrive", count=number)
        stack.postgres.kill()
        stack.postgres.start()
    with stack.stopwatch("9 database killed four times in 25 jobs: all drawn", within_s=40):
        stack.wait_all(jobs, timeout_s=40)
    assert stack.order_drawn() == jobs
    stack.assert_clean(jobs)


def test_a_job_whose_api_died_after_the_commit_is_drawn_all_the_same(stack: Stack) -> None:
    ticket = stack.store.highest_ticket() + 1000
    change, _ = stack.store.add_job(new_job(user_id="local", username=None), ticket=ticket, caps=NO_CAPS)
    with stack.stopwatch("8 stored, but nobody was woken: drawn", within_s=2 * HEARTBEAT_S + MARGIN_S):
        stack.wait_all([change.job.job_id])


def test_whatever_an_api_accepted_before_it_was_killed_is_drawn(stack: Stack) -> None:
    accepted: list[str] = []

    def submit_until_killed(_: int) -> None:
        while True:
            try:
                accepted.append(stack.submit())
            except requests.RequestException:
                return

    with ThreadPoolExecutor(4) as pool:
        storm = [pool.submit(submit_until_killed, number) for number in range(4)]
        wait_for(lambda: len(accepted) >= 12, what="some submissions")
        stack.parts["api"].signal_group(9)
        stack.parts["api"].kill()
        for one in storm:
            one.result(30)
    stack.start("api")
    stored = [job.job_id for job in stack.store.jobs_page(user_id=None, status="queued", before=None, limit=1000)]
    with stack.stopwatch(f"8 API killed in a storm of {len(accepted)}: all drawn", within_s=40):
        stack.wait_all([*accepted, *stored], timeout_s=40)
    stack.assert_clean(accepted)


def refused_within(stack: Stack) -> float:
    """Submit without the database; return how long the 503 took."""
    began = time.monotonic()
    answer = stack.post("/image/generate", prompt="now?")
    took_s = time.monotonic() - began
    stack.measured.append(("9 database away: POST refused with 503", took_s))
    assert (answer.status_code, answer.json()["code"]) == (503, "queue_unavailable"), answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    return took_s
