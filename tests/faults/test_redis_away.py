"""Redis loses its data, its connections, its voice: nothing is lost, nothing runs twice, nobody waits for it."""

import os
import signal
import time
from urllib.parse import urlsplit

import requests

from tests.faults.mute_proxy import MuteProxy
from tests.faults.stack import LEASE_S, MARGIN_S, Stack, forget_data
from tests.waiting import assert_in_time, wait_for

POST_WITHIN_S = 2.0


def positions(stack: Stack, job_ids: list[str]) -> list[int]:
    """Return the places the API tells for these jobs."""
    return [stack.view(job_id)["queue_position"] for job_id in job_ids]


def test_twenty_waiting_jobs_survive_a_flush_in_order(stack: Stack) -> None:
    stack.post("/queue/pause")
    jobs = stack.submit_many(20)
    stack.redis_client.flushall()
    assert positions(stack, jobs) == list(range(1, 21))
    late = stack.submit("after the flush")
    assert stack.job(late).ticket > stack.job(jobs[-1]).ticket
    stack.post("/queue/resume")
    with stack.stopwatch("4 FLUSHALL: 21 jobs of 20 ms drawn", within_s=15):
        stack.wait_all([*jobs, late])
    assert stack.order_drawn() == [*jobs, late]
    stack.assert_clean(jobs)


def test_twenty_waiting_jobs_survive_a_restart_of_redis_without_its_data(stack: Stack) -> None:
    stack.forge.settings(job_seconds=0.3)
    jobs = stack.submit_many(20)
    stack.running(jobs[0])
    forget_data(stack.redis)
    with stack.stopwatch("4 Redis restarted empty: 20 jobs of 0.3 s drawn", within_s=15 + 6):
        wait_for(lambda: positions(stack, jobs[-2:])[0], what="the API to find Redis again")
        stack.wait_all(jobs)
    assert stack.order_drawn() == jobs
    assert all(stack.job(job_id).attempt == 1 for job_id in jobs)
    stack.assert_clean(jobs)
    assert not stack.redis_client.keys("_kombu.binding.celeryev*"), "a worker listens to the heartbeats of others"


def test_cut_connections_do_not_run_a_job_twice(stack: Stack) -> None:
    stack.forge.settings(job_seconds=3)
    stack.forges[1].settings(job_seconds=3)
    with stack.guest("gpu2", forge=1):
        jobs = stack.submit_many(4)
        stack.running(jobs[0])
        for kind in ("normal", "pubsub"):
            stack.redis_client.client_kill_filter(_type=kind, skipme=True)
        with stack.stopwatch("5 connections cut: 4 jobs of 3 s on 2 GPUs", within_s=6 + LEASE_S + MARGIN_S):
            stack.wait_all(jobs)
    assert len(stack.seen("arrive")) == len(jobs)
    assert all(stack.job(job_id).attempt == 1 for job_id in jobs)


def test_a_half_open_connection_is_noticed_and_no_job_is_lost(stack: Stack) -> None:
    parts = urlsplit(stack.redis.url)
    with MuteProxy("127.0.0.1", stack.redis.port) as proxy:
        through = f"redis://{parts.netloc.rpartition('@')[0]}@127.0.0.1:{proxy.port}/0"
        stack.restart("gpu1", REDIS_URL=through)
        stack.wait_all([stack.submit()])
        proxy.mute()
        jobs = stack.submit_many(3)
        with stack.stopwatch("6 half-open connection: 3 jobs drawn", within_s=30):
            stack.wait_all(jobs)
    stack.assert_clean(jobs)


def test_a_frozen_redis_makes_nobody_wait_and_the_running_job_goes_on(stack: Stack) -> None:
    stack.forge.settings(job_seconds=2 * LEASE_S)
    running, *_ = jobs = stack.submit_many(12)
    stack.running(running)
    assert stack.redis.pid
    os.kill(stack.redis.pid, signal.SIGSTOP)
    try:
        took_s = [refused_within(stack) for _ in range(5)]
        stack.measured.append(("7 Redis frozen: slowest POST, refused with 503", max(took_s)))
        listed_s = seconds_for(stack, "/image/jobs")
        seen = stack.job(running).progress
        stack.wait_job(running, lambda job: job.progress > seen)
        stack.forge.wait_for("end", task=f"{running}-1-1")
    finally:
        os.kill(stack.redis.pid, signal.SIGCONT)
    stack.forge.settings(job_seconds=0.1)
    with stack.stopwatch("7 Redis thawed: running and waiting job done", within_s=15):
        stack.wait_all(jobs)
    assert stack.job(running).attempt == 1
    assert_in_time(took_s, POST_WITHIN_S)
    assert listed_s < len(jobs) / 2, "a list waits for Redis, a second each time, as often as it has jobs"
    assert len(stack.seen("arrive")) == len(jobs)
    stack.assert_clean(jobs)


def test_without_redis_a_submission_is_refused_and_nothing_was_stored(stack: Stack) -> None:
    before = stack.store.highest_ticket()
    stack.redis.kill()
    assert_in_time([refused_within(stack) for _ in range(3)], POST_WITHIN_S)
    stack.redis.start()
    assert stack.store.highest_ticket() == before
    with stack.stopwatch("7 Redis back: a submission is taken", within_s=5):
        wait_for(lambda: submitted(stack), what="a submission to be taken")


def refused_within(stack: Stack) -> float:
    """Submit; return how long the 503 took."""
    began = time.monotonic()
    answer = stack.post("/image/generate", prompt="now?")
    took_s = time.monotonic() - began
    assert (answer.status_code, answer.json()["code"]) == (503, "queue_unavailable"), answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    return took_s


def submitted(stack: Stack) -> bool:
    """Try a submission."""
    answer: requests.Response = stack.post("/image/generate", prompt="now?", width=64, height=64, steps=4)
    return answer.status_code == 202


def seconds_for(stack: Stack, path: str) -> float:
    """Return how long an answer of 200 takes."""
    began = time.monotonic()
    assert stack.http.get(stack.url(path), timeout=30).status_code == 200
    return time.monotonic() - began
