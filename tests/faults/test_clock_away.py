"""The clock stops, or two clocks run: jobs run all the same, and no duty is done twice."""

from shared.domain.jobs import Status
from tests.faults.parts import celery
from tests.faults.stack import HEARTBEAT_S, MARGIN_S, RERUN_S, Stack


def test_without_a_clock_jobs_run_and_a_new_worker_calls_for_the_rescue(stack: Stack) -> None:
    stack.parts["beat"].kill()
    stack.forge.settings(job_seconds=5)
    first, *others = jobs = stack.submit_many(3)
    stack.running(first)
    stack.parts["gpu1"].child().kill()
    with stack.stopwatch("12 no beat, child killed: claimed again", within_s=RERUN_S + MARGIN_S):
        stack.wait_job(first, lambda job: job.attempt == 2)
    stack.forge.settings(job_seconds=0.1)
    stack.redis_client.delete("gpu")
    stack.wait_all(jobs)
    assert stack.order_drawn() == [first, *others]


def test_without_a_maintenance_worker_a_new_child_puts_its_job_back_itself(stack: Stack) -> None:
    stack.parts["maintenance"].kill()
    stack.forge.settings(job_seconds=5)
    first, *others = jobs = stack.submit_many(3)
    stack.running(first)
    stack.parts["gpu1"].child().kill()
    with stack.stopwatch("12 no maintenance worker, child killed: claimed again", within_s=RERUN_S + MARGIN_S):
        stack.wait_job(first, lambda job: job.attempt == 2)
    stack.forge.settings(job_seconds=0.1)
    stack.wait_all(jobs)
    assert stack.order_drawn() == [first, *others]


def test_a_maintenance_worker_that_returns_rescues_what_nobody_else_could(stack: Stack) -> None:
    stack.parts["maintenance"].kill()
    stack.forge.settings(job_seconds=30)
    job_id = stack.submit()
    stack.running(job_id)
    stack.parts["gpu1"].kill()
    with stack.stopwatch("12 maintenance worker back, worker gone: put back", within_s=RERUN_S + MARGIN_S):
        stack.start("maintenance")
        stack.wait_job(job_id, lambda job: job.status is Status.QUEUED)
    assert stack.job(job_id).deaths == 1
    stack.forge.settings(job_seconds=0.1)
    stack.start("gpu1")
    stack.wait_all([job_id])


def test_two_clocks_do_nothing_twice(stack: Stack) -> None:
    stack.add("maintenance2", celery("beat", "worker", "-n", "maintenance2@%h"))
    stack.add("beat2", celery("beat", "beat"))
    try:
        stack.start("maintenance2", "beat2")
        stack.forge.settings(job_seconds=3)
        first, *others = jobs = stack.submit_many(6)
        stack.running(first)
        for attempt in (2, 3):
            stack.parts["gpu1"].child().kill()
            stack.forge.wait_for("start", task=f"{first}-{attempt}-1")
        stack.forge.settings(job_seconds=HEARTBEAT_S / 10)
        stack.redis_client.flushall()
        stack.wait_all(jobs)
    finally:
        for name in ("beat2", "maintenance2"):
            stack.parts.pop(name).stop()
    assert (stack.job(first).attempt, stack.job(first).deaths) == (3, 2)
    assert stack.order_drawn() == [first, *others]
    assert {stack.job(job_id).attempt for job_id in others} == {1}
    stack.assert_clean(jobs)
