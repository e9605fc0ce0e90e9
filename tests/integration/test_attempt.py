"""One worker process on a real database, Redis and stand-in: what its wake-ups lead to."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.domain.jobs import Status
from shared.store import Change, Claimant, StoreUnavailable
from tests.builders import ADMIN, ALICE, stored_job
from tests.demo_process import DemoForge
from tests.integration.one_worker import SMALL, Worker
from tests.waiting import wait_for
from worker.boots import this_boot
from worker.forge import ForgeClient


def deaf(method: Callable[..., Change | None]) -> Callable[..., Change | None]:
    """Commit, and lose the connection before the first answer is heard."""
    heard = False

    def once(*arguments: Any, **named: Any) -> Change | None:
        nonlocal heard
        found = method(*arguments, **named)
        if not heard:
            heard = True
            raise StoreUnavailable("the connection was lost at the commit")
        return found

    return once


def test_a_wake_up_works_what_waits_and_leaves_no_wake_up(worker: Worker) -> None:
    ids = [worker.job().job_id for _ in range(3)]
    worker.wake_up()
    assert [entry["task"] for entry in worker.demo.wait_for("arrive", count=3)] == [f"{job_id}-1-1" for job_id in ids]
    assert {worker.store.job(job_id).status for job_id in ids} == {Status.COMPLETE}  # type: ignore[union-attr]
    assert worker.wake_ups() == 0
    assert len(worker.pictures()) == 3 and worker.demo.log()["overlap"] == 0


def test_a_needless_wake_up_asks_forge_nothing(worker: Worker) -> None:
    before = worker.demo.log()["calls"]
    worker.wake_up()
    assert worker.demo.log()["calls"] == before


def test_a_paused_line_gives_no_job_and_keeps_no_wake_up(worker: Worker) -> None:
    job = worker.job()
    worker.store.pause()
    worker.wake_up()
    assert worker.row(job).attempt == 0 and worker.wake_ups() == 0


def test_a_closed_gate_hands_the_wake_up_back(worker: Worker) -> None:
    job = worker.job()
    worker.demo.fault("status", status=503, where="all", times=0)
    worker.wake_up()
    assert worker.row(job).attempt == 0 and worker.wake_ups() == 1


def test_a_forge_held_by_another_worker_is_left_alone(worker: Worker) -> None:
    job = worker.job()
    worker.wake_up()
    worker.steal_forge(seconds=30)
    other = worker.job()
    worker.wake_up()
    assert (worker.row(job).status, worker.row(other).attempt) == (Status.COMPLETE, 0)
    assert worker.store.live_workers(30)[0].problem == "busy_elsewhere"


def test_a_claim_after_the_lease_on_the_forge_was_lost_takes_nothing(worker: Worker) -> None:
    worker.job()
    worker.wake_up()
    worker.steal_forge(seconds=30)
    worker.job()
    assert worker.store.claim(worker.bench.claimant, lease_s=4) is None


def test_a_cancel_that_comes_while_forge_fails_is_kept(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.demo.fault("type_error")
    job, fail = worker.job(), worker.bench.store.fail

    def cancelled_meanwhile(*arguments: Any, **named: Any) -> Change | None:
        worker.store.cancel_job(job.job_id, ADMIN)
        return fail(*arguments, **named)

    monkeypatch.setattr(worker.bench.store, "fail", cancelled_meanwhile)
    worker.wake_up()
    assert worker.row(job).error_code == "cancelled"


def test_the_password_of_a_forge_stays_with_its_worker(make_worker: Callable[..., Worker], demo: DemoForge) -> None:
    worker = make_worker(FORGE_URL=demo.url.replace("//", "//artist:s3cret@"))
    job = worker.job()
    worker.wake_up()
    assert worker.row(job).status is Status.COMPLETE
    (told,) = worker.store.live_workers(30)
    assert told.forge == worker.row(job).forge == demo.url


def test_a_commit_that_was_not_heard_of_keeps_its_picture(worker: Worker) -> None:
    job = worker.job()
    worker.bench.store.complete = deaf(worker.bench.store.complete)  # type: ignore[method-assign]
    worker.wake_up()
    done = worker.row(job)
    assert done.status is Status.COMPLETE
    assert worker.pictures() == [done.image_name]


def test_a_claim_that_was_not_heard_of_is_given_back_without_a_death(worker: Worker) -> None:
    job = worker.job()
    worker.bench.store.claim = deaf(worker.bench.store.claim)  # type: ignore[method-assign]
    worker.wake_up()
    assert worker.row(job).status is Status.PROCESSING
    worker.wake_up()
    done = worker.row(job)
    assert (done.status, done.attempt, done.deaths) == (Status.COMPLETE, 2, 0)
    assert len(worker.demo.wait_for("arrive")) == 1


def test_a_job_that_another_took_keeps_nothing_of_ours(worker: Worker) -> None:
    worker.demo.settings(job_seconds=1)
    job = worker.job()

    def take() -> None:
        worker.demo.wait_for("start")
        worker.store.put_back(worker.row(job), deaths=1)

    worker.wake_up(meanwhile=take)
    assert worker.row(job).status is Status.QUEUED
    assert not worker.pictures()
    assert worker.demo.wait_for("end")[0]["outcome"] == "interrupted"


def test_a_forge_that_another_took_is_no_longer_drawn_with(worker: Worker) -> None:
    worker.demo.settings(job_seconds=5)
    job = worker.job()

    def take() -> None:
        worker.demo.wait_for("start")
        worker.steal_forge(seconds=2)

    worker.wake_up(meanwhile=take)
    assert (worker.row(job).status, worker.row(job).deaths) == (Status.QUEUED, 0)
    assert not worker.pictures()


def test_a_job_that_breaks_the_worker_is_told_as_internal(worker: Worker) -> None:
    job = stored_job(worker.store, params={**SMALL, "steps": "many"})
    worker.wake_up()
    assert (worker.row(job).status, worker.row(job).error_code) == (Status.ERROR, "internal")
    assert not worker.demo.log()["counts"].get("arrive")


def test_only_a_boot_that_is_dead_is_succeeded(worker: Worker, make_worker: Callable[..., Worker]) -> None:
    name, forge = worker.bench.claimant.worker, worker.bench.claimant.forge
    dead = Claimant(name, this_boot().rsplit("/", 3)[0] + "/999999999/1.00/dead", forge)
    living = Claimant(name, this_boot(), forge + "/other")
    for claimant in (dead, living):
        worker.job()
        assert worker.store.hold_forge(claimant, lease_s=30)
        assert worker.store.claim(claimant, lease_s=30)
    make_worker().runner.takeover.ensure()
    assert [job.boot_id for job in worker.store.processing()] == [living.boot_id]
    assert [row.deaths for row in worker.store.unfinished_jobs(ALICE.user_id) if row.status is Status.QUEUED] == [1]


def test_after_a_restart_of_the_machine_the_dead_workers_job_is_back_before_anything_is_claimed(
    worker: Worker, make_worker: Callable[..., Worker]
) -> None:
    """PostgreSQL began less than two heartbeats ago: the living would still have time to renew."""
    name, forge = worker.bench.claimant.worker, worker.bench.claimant.forge
    first = worker.job()
    dead = Claimant(name, this_boot().rsplit("/", 3)[0] + "/999999999/1.00/dead", forge)
    assert worker.store.claim(dead, lease_s=-1)
    late = make_worker(HEARTBEAT_S="1000000", LEASE_S="3000000")
    late.runner.takeover.rescue()
    assert worker.row(first).status is Status.PROCESSING
    late.runner.takeover.ensure()
    assert (worker.row(first).status, worker.row(first).deaths) == (Status.QUEUED, 1)


def test_half_a_picture_that_somebody_interrupted_between_two_polls_is_drawn_again(
    make_worker: Callable[..., Worker],
) -> None:
    worker = make_worker(PROGRESS_POLL_S="30")
    worker.demo.shut_gate(0.5)
    job = worker.job()

    def press_interrupt() -> None:
        wait_for(lambda: worker.row(job).stage == "sampling")
        ForgeClient(worker.demo.url).interrupt()
        worker.demo.open_gate()

    worker.wake_up(meanwhile=press_interrupt)
    assert worker.row(job).status is Status.COMPLETE
    assert [entry["outcome"] for entry in worker.demo.wait_for("end", count=2)] == ["interrupted", "complete"]


def test_a_dead_workers_job_goes_before_those_behind_it_without_the_clock(worker: Worker) -> None:
    claimant = worker.bench.claimant
    first, behind = worker.job(), worker.job()
    predecessor = Claimant("gpu9@elsewhere", "elsewhere/1/1.0/x", claimant.forge)
    assert worker.store.hold_forge(predecessor, lease_s=-1)
    worker.store.note_generation(predecessor, task_id=f"{first.job_id}-1-1", job_timestamp=None)
    assert worker.store.claim(predecessor, lease_s=-1)
    worker.wake_up()
    done = worker.row(first)
    assert (done.status, done.attempt, done.deaths) == (Status.COMPLETE, 2, 1)
    order = [f"{first.job_id}-2-1", f"{behind.job_id}-1-1"]
    assert [entry["task"] for entry in worker.demo.wait_for("arrive", count=2)] == order
