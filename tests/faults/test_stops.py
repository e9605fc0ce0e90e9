"""SIGTERM, Ctrl-C, a terminated child: the running job finishes or is given back, and nothing waiting is lost."""

import os
import signal
import socket

import pytest
from celery import Celery

from shared.domain.jobs import Status
from tests.api_server import asking
from tests.faults.stack import MARGIN_S, Stack
from tests.waiting import wait_for

#: past the grace time: Forge is interrupted, the job given back, Celery leaves
LEAVES_S = 8.0


@pytest.mark.parametrize("how", ["signal", "signal to the group", "celery control shutdown"])
def test_a_stopped_worker_finishes_its_job_and_leaves_the_line_to_the_next(stack: Stack, how: str) -> None:
    stack.forge.settings(job_seconds=3)
    running, *waiting = stack.submit_many(3)
    stack.running(running)
    worker = stack.parts["gpu1"]
    told_to_stop(stack, how)
    assert worker.wait() == 0
    assert (stack.job(running).status, stack.job(running).attempt) == (Status.COMPLETE, 1)
    assert {stack.job(job_id).attempt for job_id in waiting} == {0}
    assert not stack.status()["workers"]
    stack.forge.settings(job_seconds=0.1)
    stack.start("gpu1")
    with stack.stopwatch("11 worker stopped and started: the line goes on", within_s=MARGIN_S):
        stack.wait_all(waiting)
    stack.assert_clean([running, *waiting])


def test_past_the_grace_time_the_job_is_given_back_and_no_death_is_counted(stack: Stack) -> None:
    worker = stack.restart("gpu1", SHUTDOWN_GRACE_S="1")
    with stack.stopwatch("11 grace of 1 s exceeded: gone", within_s=1 + LEAVES_S):
        given_back(stack, worker.pid, signal.SIGTERM)
        worker.wait()
    run_again(stack)


@pytest.mark.parametrize("signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGQUIT,)])
def test_a_second_ctrl_c_gives_the_job_back_at_once(stack: Stack, signals: tuple[int, ...]) -> None:
    worker = stack.restart("gpu1", SHUTDOWN_GRACE_S="60")
    with stack.stopwatch(f"11 {' '.join(signal.Signals(n).name for n in signals)}: gone", within_s=LEAVES_S):
        given_back(stack, worker.pid, *signals)
        worker.wait()
    run_again(stack)


def test_a_child_that_is_told_to_end_gives_its_job_back_and_is_replaced(stack: Stack) -> None:
    child = stack.parts["gpu1"].child()
    with stack.stopwatch("11 child terminated: job given back", within_s=MARGIN_S):
        given_back(stack, child.pid, signal.SIGTERM)
    child.wait(10)
    run_again(stack)


def told_to_stop(stack: Stack, how: str) -> None:
    """Stop the worker in one of the ways an operator has; `control shutdown` is also what Flower's button sends."""
    if how == "signal":
        stack.parts["gpu1"].signal(signal.SIGTERM)
    elif how == "signal to the group":
        stack.parts["gpu1"].signal_group(signal.SIGTERM)
    else:
        operator = Celery(broker=stack.redis.url, set_as_current=False)
        operator.control.shutdown(destination=[f"gpu1@{socket.gethostname()}"])


def given_back(stack: Stack, pid: int, *signals: int) -> None:
    """Signal a process while a job of 60 s runs; see the job wait again and Forge stopped."""
    stack.forge.settings(job_seconds=60)
    job_id = stack.submit()
    stack.running(job_id)
    os.kill(pid, signals[0])
    for number in signals[1:]:
        wait_for(lambda: grace_is_told(stack), what="the first Ctrl-C")
        os.kill(pid, number)
    stack.wait_job(job_id, lambda job: job.status is Status.QUEUED or job.attempt > 1)
    assert stack.forge.wait_for("end", task=f"{job_id}-1-1")[0]["outcome"] == "interrupted"


def grace_is_told(stack: Stack) -> bool:
    return stack.parts["gpu1"].said("may go on for 60 s") > 0


def run_again(stack: Stack) -> None:
    """What was given back is drawn by the next worker, as its second attempt without a death."""
    stack.forge.settings(job_seconds=0.1)
    job_id = stack.store.unfinished_jobs("local")[0].job_id
    stack.restart("gpu1", SHUTDOWN_GRACE_S="20") if not stack.parts["gpu1"].runs else None
    stack.wait_all([job_id])
    assert (stack.job(job_id).attempt, stack.job(job_id).deaths) == (2, 0)
    stack.assert_clean([job_id])


def test_an_api_that_is_stopped_finishes_its_requests(stack: Stack) -> None:
    stack.forge.settings(job_seconds=2)
    job_id = stack.submit()
    stack.running(job_id)
    api = stack.parts["api"]
    asked = asking(api.pid, stack.port, f"/image/job/{job_id}/status?wait=3")
    api.signal(signal.SIGTERM)
    assert asked.getresponse().status == 200
    asked.close()
    assert api.wait() == 0
    stack.wait_all([job_id])
