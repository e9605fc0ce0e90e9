"""A Forge that does not stop when it is told to: nothing of ours meets what it still draws."""

import threading
from collections.abc import Callable

from shared.domain.jobs import Status
from tests.builders import ADMIN
from tests.integration.one_worker import Worker
from tests.waiting import wait_for
from worker import stopping


def test_a_cancel_that_forge_does_not_honour_ends_the_job_all_the_same(worker: Worker) -> None:
    worker.demo.fault("hang", stubborn=True)
    job = worker.job()

    def cancel() -> None:
        worker.demo.wait_for("start")
        worker.store.cancel_job(job.job_id, ADMIN)

    worker.wake_up(meanwhile=cancel)
    ended = worker.row(job)
    assert (ended.status, ended.error_code) == (Status.CANCELLED, "cancelled")
    assert worker.bench.circuit.state().state == "open"
    assert not worker.pictures()


def test_a_stubborn_forge_never_gets_a_second_request_of_ours(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker(FORGE_TIMEOUT_S="0.5", BREAKER_RESET_S="0.5")
    worker.demo.fault("hang", stubborn=True)
    job, other = worker.job(), worker.job()
    worker.wake_up()
    failed = worker.row(job)
    assert (failed.status, failed.error_code) == (Status.ERROR, "forge_timeout")
    assert worker.bench.circuit.state().state != "closed"
    assert len(worker.demo.wait_for("arrive")) == 1
    worker.demo.order("DELETE", "faults")
    worker.demo.wait_for("end", task=f"{job.job_id}-1-1")
    worker.wake_up_until_ended(other)
    assert worker.row(other).status is Status.COMPLETE
    assert worker.demo.log()["overlap"] == 0


def test_a_stubborn_forge_that_comes_round_between_two_tries_is_used_again(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker(FORGE_TIMEOUT_S="0.5", FORGE_RETRY_DELAYS_S="0.3,0.3,0.3")
    worker.demo.fault("hang", stubborn=True)
    job = worker.job()

    def relent() -> None:
        worker.demo.wait_for("interrupt", count=2)
        worker.demo.order("DELETE", "faults")

    worker.wake_up(meanwhile=relent)
    assert worker.row(job).status is Status.COMPLETE
    assert [entry["task"][-3:] for entry in worker.demo.wait_for("arrive", count=2)] == ["1-1", "1-2"]
    assert worker.demo.log()["overlap"] == 0


def test_a_stop_does_not_wait_for_a_stubborn_forge_and_the_next_boot_waits_for_its_ghost(
    make_worker: Callable[..., Worker],
) -> None:
    worker = make_worker(BREAKER_RESET_S="0.5")
    worker.demo.fault("hang", stubborn=True)
    job = worker.job()

    def stop() -> None:
        worker.demo.wait_for("start")
        stopping.ask_to_stop(0)

    worker.wake_up(meanwhile=stop)
    assert (worker.row(job).status, worker.row(job).deaths) == (Status.QUEUED, 0)
    assert worker.bench.circuit.state().state == "closed"
    worker.store.release_forge(worker.bench.claimant)
    stopping.begin_anew()
    newcomer = make_worker(BREAKER_RESET_S="0.5")
    newcomer.wake_up()
    assert newcomer.row(job).attempt == 1
    assert newcomer.bench.circuit.state().state != "closed"
    newcomer.demo.order("DELETE", "faults")
    newcomer.wake_up_until_ended(job)
    assert newcomer.row(job).status is Status.COMPLETE
    assert worker.demo.log()["overlap"] == 0


def test_a_ghost_is_known_by_its_time_stamp_where_forge_tells_no_tasks(
    worker: Worker, make_worker: Callable[..., Worker]
) -> None:
    worker.demo.settings(webui=False, job_seconds=30)
    job = worker.job()
    killed = threading.Event()

    def die() -> None:
        worker.demo.wait_for("start")
        wait_for(lambda: worker.row(job).stage == "sampling")
        killed.set()
        stopping.ask_to_stop(0)

    worker.bench.forge.interrupt = lambda: None  # type: ignore[method-assign]  # a killed worker interrupts nothing
    worker.wake_up(meanwhile=die)
    assert killed.is_set() and not worker.demo.log()["counts"].get("interrupt")
    worker.store.release_forge(worker.bench.claimant)
    stopping.begin_anew()
    newcomer = make_worker()
    newcomer.demo.settings(job_seconds=0.1)
    newcomer.wake_up()
    assert newcomer.row(job).status is Status.COMPLETE
    assert len(newcomer.demo.wait_for("interrupt")) == 1
