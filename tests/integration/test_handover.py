"""The hand-over: the next request goes out before the last picture is stored, and no job pays for another."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from shared.domain.jobs import Priority, Stage, Status
from tests.integration.one_worker import SMALL, Worker, hold_the_first_picture, order
from tests.waiting import wait_for
from worker import stopping
from worker.attempt import Attempt
from worker.forge_request import TXT2IMG
from worker.forge_wire import Exchange
from worker.row import MOST_BEHIND


def test_the_next_request_goes_out_before_the_picture_is_stored(worker: Worker) -> None:
    release = hold_the_first_picture(worker)
    first, second = worker.job(), worker.job()
    seen = []

    def see() -> None:
        worker.demo.wait_for("start", count=2)
        wait_for(lambda: worker.row(first).stage is Stage.SAVING)
        seen.append((worker.row(first).status, worker.row(second).status))
        release.set()

    worker.wake_up(meanwhile=see)
    assert seen == [(Status.PROCESSING, Status.PROCESSING)]
    assert {worker.row(job).status for job in (first, second)} == {Status.COMPLETE}
    assert worker.demo.log()["overlap"] == 0


def test_the_next_request_goes_out_on_the_connection_of_the_last_look(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, sent = Exchange.send, []

    def note(exchange: Exchange, method: str, path: str, *arguments: Any, **named: Any) -> None:
        sent.append((exchange, path.partition("?")[0]))
        send(exchange, method, path, *arguments, **named)

    monkeypatch.setattr(Exchange, "send", note)  # the wire itself: Forge does not tell by which connection one came
    for job in [worker.job(), worker.job()]:
        worker.wake_up_until_ended(job)
    first, second = (place for place, (_, path) in enumerate(sent) if path == TXT2IMG)
    assert sent[second - 1] == (sent[second][0], "/sdapi/v1/progress")
    assert sent[first][0] != sent[second][0]


def test_who_enters_before_is_drawn_before(worker: Worker) -> None:
    worker.demo.settings(job_seconds=0.5)
    running, behind = worker.job(), worker.job()
    entered = []

    def enter() -> None:
        worker.demo.wait_for("start")
        entered.append(worker.job_of_admin(priority=Priority.HIGH))

    worker.wake_up(meanwhile=enter)
    assert order(worker, 3) == [f"{job.job_id}-1-1" for job in (running, *entered, behind)]


def test_a_line_that_is_paused_meanwhile_gives_nobody(worker: Worker) -> None:
    worker.demo.settings(job_seconds=0.5)
    running, behind = worker.job(), worker.job()

    def pause() -> None:
        worker.demo.wait_for("start")
        worker.store.pause()

    worker.wake_up(meanwhile=pause)
    assert (worker.row(running).status, worker.row(behind).attempt) == (Status.COMPLETE, 0)


def test_a_stop_meanwhile_gives_nobody(worker: Worker) -> None:
    worker.demo.settings(job_seconds=0.5)
    running, behind = worker.job(), worker.job()

    def stop() -> None:
        worker.demo.wait_for("start")
        stopping.ask_to_stop(60)

    worker.wake_up(meanwhile=stop)
    assert (worker.row(running).status, worker.row(behind).attempt) == (Status.COMPLETE, 0)


def test_a_stop_after_it_gives_the_next_job_back_and_stores_the_picture(worker: Worker) -> None:
    release = hold_the_first_picture(worker)
    worker.demo.settings(job_seconds=0.5)
    first, second = worker.job(), worker.job()

    def stop() -> None:
        worker.demo.wait_for("start")
        worker.demo.fault("hang")
        worker.demo.wait_for("start", count=2)
        stopping.ask_to_stop(0)
        wait_for(lambda: worker.row(second).status is Status.QUEUED)
        release.set()

    worker.wake_up(meanwhile=stop)
    assert (worker.row(first).status, worker.row(first).attempt) == (Status.COMPLETE, 1)
    assert (worker.row(second).status, worker.row(second).deaths) == (Status.QUEUED, 0)


def test_a_row_holds_no_picture_that_was_stored(worker: Worker, no_collection: None) -> None:
    save, jobs = worker.bench.saver.save, [worker.job() for _ in range(8)]
    mine = {job.job_id for job in jobs}
    held: list[int] = []

    def count(image: Any) -> str:
        attempts = [each for each in gc.get_objects() if isinstance(each, Attempt) and each.job.job_id in mine]
        held.append(sum(bool(attempt._body) for attempt in attempts))
        return save(image)

    worker.bench.saver.save = count  # type: ignore[method-assign]
    worker.wake_up_until_ended(jobs[-1])
    assert {worker.row(job).status for job in jobs} == {Status.COMPLETE}
    assert max(held) <= 1 + MOST_BEHIND, held


@pytest.fixture
def no_collection() -> Iterator[None]:
    """No garbage collection: what is let go only then would be several pictures by then."""
    gc.disable()
    yield
    gc.enable()


def test_the_claim_records_whose_generation_comes(worker: Worker) -> None:
    job = worker.job()
    assert worker.store.hold_forge(worker.bench.claimant, lease_s=4)
    change = worker.store.claim(worker.bench.claimant, lease_s=4)
    assert change and change.job.task_id == f"{job.job_id}-1-1"
    held = worker.store.hold_forge(worker.bench.claimant, lease_s=4)
    assert held and held.task_id == change.job.task_id and held.job_timestamp is None
    assert SMALL["steps"] == change.job.params["steps"]
