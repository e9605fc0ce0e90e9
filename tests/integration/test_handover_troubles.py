"""The hand-over when the picture, the answer or the next job is bad: no job pays for another."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from shared.domain.failures import FailureKind
from shared.domain.jobs import Stage, Status
from shared.store import Claimant, StoreUnavailable
from tests.integration.one_worker import Worker, order
from tests.waiting import wait_for
from worker.forge_failure import ForgeFailure
from worker.forge_reply import Reply
from worker.forge_wire import Exchange


@pytest.mark.parametrize("kind", ["empty", "truncated", "wrong_size", "not_image", "not_json"])
def test_a_bad_picture_is_drawn_again_first_in_line(worker: Worker, kind: str) -> None:
    worker.demo.fault(kind)
    worker.demo.shut_gate(0.5)
    bad, second, third = worker.job(), worker.job(), worker.job()

    def draw_the_second_until_the_first_is_back() -> None:
        worker.demo.wait_held()
        worker.demo.order("POST", "gate/next")
        wait_for(lambda: (worker.row(bad).status, worker.row(bad).attempt) == (Status.QUEUED, 1))
        worker.demo.open_gate()

    worker.wake_up(meanwhile=draw_the_second_until_the_first_is_back)
    worker.wake_up_until_ended(third)
    assert order(worker, 4) == [
        f"{bad.job_id}-1-1",
        f"{second.job_id}-1-1",
        f"{bad.job_id}-2-1",
        f"{third.job_id}-1-1",
    ]
    assert {worker.row(job).status for job in (bad, second, third)} == {Status.COMPLETE}
    assert {worker.row(job).attempt for job in (second, third)} == {1}


def test_a_job_whose_pictures_are_all_bad_ends_and_charges_nobody(worker: Worker) -> None:
    worker.demo.settings(job_seconds=0.1)
    bad, *others = (worker.job(width=72 if number == 0 else 64) for number in range(3))
    finish = worker.bench.saver.save

    def refuse(image: Any) -> str:
        if image.width == 72:
            raise ForgeFailure(FailureKind.BAD_IMAGE, "no picture", sent=True)
        return finish(image)

    worker.bench.saver.save = refuse  # type: ignore[method-assign]
    for job in (bad, *others):  # a slow machine may put the first back when both others have begun
        worker.wake_up_until_ended(job)
    ended = worker.row(bad)
    assert (ended.status, ended.error_code) == (Status.ERROR, "forge_bad_response")
    assert [(worker.row(job).status, worker.row(job).attempt) for job in others] == [(Status.COMPLETE, 1)] * 2


def test_an_answer_that_breaks_off_gives_the_next_job_back(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    receive, broken = Exchange.receive, threading.Event()

    def break_off(exchange: Exchange, response: Any) -> Reply:
        reply = receive(exchange, response)
        if b'"images"' in reply.body and not broken.is_set():
            broken.set()
            wait_for(lambda: worker.row(second).status is Status.PROCESSING)
            raise ForgeFailure(FailureKind.UNREACHABLE, "reset", sent=True)
        return reply

    monkeypatch.setattr(Exchange, "receive", break_off)
    first, second = worker.job(), worker.job()
    worker.wake_up_until_ended(second)
    assert broken.is_set()
    assert {worker.row(job).status for job in (first, second)} == {Status.COMPLETE}
    tasks = order(worker, 3)
    assert tasks[0] == f"{first.job_id}-1-1" and tasks[-1] == f"{second.job_id}-2-1"
    assert (worker.row(second).deaths, worker.demo.log()["overlap"]) == (0, 0)


def test_a_next_job_that_breaks_the_worker_harms_nobody(worker: Worker) -> None:
    first, broken, last = worker.job(), worker.job(steps="many"), worker.job()
    worker.wake_up()
    worker.wake_up()
    assert [worker.row(job).status for job in (first, broken, last)] == [
        Status.COMPLETE,
        Status.ERROR,
        Status.COMPLETE,
    ]
    assert worker.row(broken).error_code == "internal"


def test_a_process_that_died_saving_did_not_die_of_the_next_job(
    worker: Worker, make_worker: Callable[..., Worker]
) -> None:
    claimant = Claimant("gpu9@elsewhere", "elsewhere/1/1.0/x", worker.bench.claimant.forge)
    assert worker.store.hold_forge(claimant, lease_s=-1)
    saving, drawing = worker.job(), worker.job()
    for _ in range(2):
        assert worker.store.claim(claimant, lease_s=-1)
    worker.store.save_progress(worker.row(saving), progress=99, stage=Stage.SAVING)
    make_worker().runner.takeover.rescue()
    assert (worker.row(saving).status, worker.row(saving).deaths) == (Status.QUEUED, 1)
    assert (worker.row(drawing).status, worker.row(drawing).deaths) == (Status.QUEUED, 0)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), RuntimeError("broken")])
def test_a_claim_that_fails_meanwhile_costs_the_picture_nothing(worker: Worker, error: Exception) -> None:
    first, second = worker.job(), worker.job()
    claim, claims = worker.bench.store.claim, []

    def fail_the_second(*arguments: Any, **named: Any) -> Any:
        claims.append(arguments)
        if len(claims) == 2:
            raise error
        return claim(*arguments, **named)

    worker.bench.store.claim = fail_the_second  # type: ignore[method-assign]
    worker.wake_up()
    assert (worker.row(first).status, worker.row(first).attempt) == (Status.COMPLETE, 1)
    assert worker.row(second).attempt == 0 and worker.wake_ups() == 1
