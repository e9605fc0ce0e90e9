"""A proxy in front of Forge waits less long than a picture takes: its word ends no generation, so we do.

Or it refuses to pass on what draws, and nothing else.
"""

from collections.abc import Callable

from shared.domain.jobs import Status
from tests.integration.one_worker import Worker
from tests.waiting import wait_for


def test_a_job_that_a_proxy_always_gives_up_ends_and_leaves_nothing_running(worker: Worker) -> None:
    worker.demo.settings(step_seconds=0.1)
    worker.demo.fault("proxy", status=504, at=0.5, times=0)
    job = worker.job(steps=20)
    worker.wake_up_until_ended(job)
    ended = worker.row(job)
    assert (ended.status, ended.error_code, ended.deaths) == (Status.ERROR, "forge_unavailable", 0)
    assert {entry["outcome"] for entry in worker.demo.wait_for("end", count=3)} == {"interrupted"}
    assert worker.bench.forge.preflight().idle
    worker.demo.order("DELETE", "faults")
    after = worker.job()
    worker.wake_up_until_ended(after)
    assert (worker.row(after).status, worker.demo.log()["overlap"]) == (Status.COMPLETE, 0)


def test_a_proxy_without_a_forge_costs_the_job_nothing_but_its_turn(worker: Worker) -> None:
    worker.demo.fault("status", status=503)
    job = worker.job()
    worker.wake_up()
    back = worker.row(job)
    assert (back.status, back.attempt, back.deaths, back.forge_deaths) == (Status.QUEUED, 1, 0, 0)
    assert (worker.bench.circuit.state().state, worker.bench.circuit.state().failures) == ("closed", 1)
    worker.wake_up_until_ended(job)
    assert worker.row(job).status is Status.COMPLETE


def test_a_forge_that_lets_us_look_and_not_draw_is_left_alone_and_told_of(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker()
    worker.demo.fault("unauthorized", times=2)
    job, behind = worker.job(), worker.job()
    worker.wake_up()
    (told,) = worker.store.live_workers(30)
    assert (told.problem, told.circuit) == ("unauthorized", "open")
    back = worker.row(job)
    assert (back.status, back.attempt, worker.row(behind).attempt) == (Status.QUEUED, 1, 0)
    worker.store.release_forge(worker.bench.claimant)
    sooner = make_worker(BREAKER_RESET_S="2")
    wait_for(sooner.bench.circuit.allow, what="the time of the next try")
    sooner.wake_up()
    assert (worker.row(job).status, worker.row(job).attempt) == (Status.QUEUED, 2)
    sooner.wake_up_until_ended(behind)
    assert {worker.row(each).status for each in (job, behind)} == {Status.COMPLETE}
    (told,) = worker.store.live_workers(30)
    assert (told.problem, told.circuit) == (None, "closed")
