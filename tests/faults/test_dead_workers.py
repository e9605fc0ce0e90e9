"""A worker dies or freezes: its job runs again, first in line, and nothing runs twice."""

import requests

from shared.domain.jobs import Status
from tests.faults.judge import job_of
from tests.faults.stack import HEARTBEAT_S, MARGIN_S, RERUN_S, Stack
from tests.waiting import wait_for


def test_a_killed_child_costs_its_job_a_second_attempt_before_those_who_waited(stack: Stack) -> None:
    stack.forge.settings(step_seconds=2)  # so slow that its ghost is still there when the next attempt begins
    first, *others = jobs = stack.submit_many(4)
    stack.running(first)
    stack.parts["gpu1"].child().kill()
    with stack.stopwatch("1 child killed: claimed again", within_s=10):
        stack.wait_job(first, lambda job: job.attempt == 2)
    stack.forge.settings(step_seconds=0.005)
    stack.wait_all(jobs)
    assert stack.order_drawn() == [first, *others]
    assert [job_of(entry) for entry in stack.seen("interrupt")] == [first]
    assert stack.job(first).deaths == 1
    stack.assert_clean(jobs)


def test_a_killed_worker_that_is_started_again_takes_its_own_job_back(stack: Stack) -> None:
    stack.forge.settings(step_seconds=0.5)
    first, *others = jobs = stack.submit_many(4)
    stack.running(first)
    stack.parts["gpu1"].kill()
    with stack.stopwatch("2 worker killed, restarted: claimed again", within_s=RERUN_S + MARGIN_S):
        stack.parts["gpu1"].start()
        stack.wait_job(first, lambda job: job.attempt == 2)
    stack.forge.settings(step_seconds=0.005)
    stack.wait_all(jobs)
    assert stack.order_drawn() == [first, *others]
    stack.assert_clean(jobs)


def test_a_killed_workers_job_goes_to_another_gpu_when_the_lease_runs_out(stack: Stack) -> None:
    stack.forge.settings(job_seconds=30)
    stack.forges[1].settings(job_seconds=1)
    first, second, *others = jobs = stack.submit_many(10)
    stack.running(first)
    with stack.guest("gpu2", forge=1):
        stack.running(second)
        stack.parts["gpu1"].kill()
        with stack.stopwatch("2 worker killed, another GPU: claimed again", within_s=RERUN_S + MARGIN_S):
            stack.wait_job(first, lambda job: job.attempt == 2)
        stack.wait_all(jobs)
    again = [job_of(entry) for entry in stack.forges[1].log()["entries"] if entry["event"] == "arrive"]
    assert again.index(first) < again.index(others[-1])
    stack.assert_clean(jobs)


def test_a_frozen_worker_loses_its_job_and_its_late_result_is_thrown_away(stack: Stack) -> None:
    stack.forge.shut_gate(0)
    (first,) = jobs = stack.submit_many(1)
    stack.running(first)
    frozen = stack.parts["gpu1"].child()
    with stack.guest("gpu2", forge=1):
        frozen.suspend()
        with stack.stopwatch("3 child frozen: done by another", within_s=RERUN_S + MARGIN_S):
            stack.wait_all(jobs)
        stack.forge.open_gate()
        stack.forge.wait_for("end", task=f"{first}-1-1")
        frozen.resume()
        wait_for(lambda: stack.parts["gpu1"].said("is given up"), what="the stale attempt to be discarded")
    done = stack.job(first)
    assert (done.attempt, done.status) == (2, Status.COMPLETE)
    assert "gpu2" in (done.worker or "")
    stack.assert_clean(jobs)
    stack.wait_all([stack.submit()])


def test_a_frozen_worker_cannot_harm_its_successor_on_the_same_forge(stack: Stack) -> None:
    stack.forge.settings(job_seconds=30)
    first, *_ = jobs = stack.submit_many(3)
    stack.running(first)
    frozen = stack.parts["gpu1"].child()
    frozen.suspend()
    with stack.guest("gpu9"):
        stack.wait_job(first, lambda job: job.attempt == 2, timeout_s=30)  # the guest has to start first
        stack.forge.wait_for("start", task=f"{first}-2-1")
        frozen.resume()
        stack.forge.settings(job_seconds=0.5)
        stack.wait_all(jobs, timeout_s=60)
    assert [entry["task"] for entry in stack.seen("interrupt")] == [f"{first}-1-1"]
    stack.assert_clean(jobs)


def test_a_job_that_kills_its_worker_each_time_is_given_up_and_the_line_goes_on(stack: Stack) -> None:
    stack.forge.settings(step_seconds=0.3)
    poison, *others = stack.submit_many(3)
    for attempt in (1, 2, 3):
        stack.forge.wait_for("start", task=f"{poison}-{attempt}-1")
        stack.parts["gpu1"].child().kill()
    with stack.stopwatch("14 poison job: given up", within_s=10):
        job = stack.wait_job(poison, lambda job: job.terminal)
    assert (job.status, job.error_code, job.attempt) == (Status.ERROR, "worker_lost", 3)
    assert "3" in str(job.error)
    stack.forge.settings(step_seconds=0.005)
    stack.wait_all(others)
    stack.assert_clean(others)


def test_a_generation_that_is_not_ours_is_waited_for_and_never_interrupted(stack: Stack) -> None:
    stack.forge.shut_gate(0.5)
    body = {"prompt": "someone else's", "steps": 4, "width": 64, "height": 64}
    foreign = stack.elsewhere(lambda: requests.post(f"{stack.forge.url}/sdapi/v1/txt2img", json=body, timeout=60))
    stack.forge.wait_held()
    job_id = stack.submit()
    wait_for(lambda: stack.status()["workers"][0]["problem"] == "busy_elsewhere", what="busy_elsewhere")
    assert stack.job(job_id).attempt == 0
    stack.forge.open_gate()
    stack.wait_all([job_id])
    assert foreign.result(20).status_code == 200
    assert not stack.seen("interrupt")
    wait_for(lambda: stack.status()["workers"][0]["problem"] is None, what="no problem any more")


def test_two_workers_on_one_forge_take_turns_and_never_meet_there(stack: Stack) -> None:
    stack.forge.settings(step_seconds=0.02)
    with stack.guest("gpu9"):
        jobs = stack.submit_many(20)
        stack.wait_all(jobs)
    assert stack.order_drawn() == jobs
    stack.assert_clean(jobs)


def test_a_second_worker_of_the_same_name_takes_nothing_from_the_first(stack: Stack) -> None:
    stack.forge.settings(step_seconds=0.5)
    (job_id,) = stack.submit_many(1)
    stack.running(job_id)
    twin = stack.add_worker("gpu1-twin")
    twin.command[-1] = "gpu1@%h"
    twin.start()
    wait_for(lambda: twin.said(" ready."), what="the twin")
    stack.wait_all([job_id])
    twin.stop()
    del stack.parts["gpu1-twin"]
    assert stack.job(job_id).attempt == 1
    assert not stack.seen("interrupt")


def test_doubled_lost_and_late_wake_ups_change_nothing(stack: Stack) -> None:
    stack.forge.settings(step_seconds=0.02)
    jobs = stack.submit_many(10)
    for _ in range(20):
        stack.bell.ring("nobody")
    stack.wait_job(jobs[2], lambda job: job.terminal)
    stack.redis_client.delete("gpu")
    with stack.stopwatch("wake-ups lost: all drawn", within_s=2 * HEARTBEAT_S + MARGIN_S):
        stack.wait_all(jobs)
    assert stack.order_drawn() == jobs
    assert all(stack.job(job_id).attempt == 1 for job_id in jobs)
    stack.assert_clean(jobs)
