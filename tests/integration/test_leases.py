"""The rights to a job and to its Forge: both held from the claim on, and nothing done once they may be another's."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.jobs import Job, Status
from shared.store import Claimant, Renewal, Store, StoreUnavailable
from tests.builders import PARAMS, stored_job
from tests.demo_calls import generate, post
from tests.integration.one_worker import Worker
from tests.waiting import wait_for
from worker.forge_reply import Reply
from worker.forge_wire import Exchange
from worker.lease import Lease

OURS = Claimant("gpu1@here", "here/1/1.0/x", "http://forge")
OTHER = Claimant("gpu2@elsewhere", "elsewhere/1/1.0/x", "http://forge")

#: so many heartbeats of 0.3 s outlast a lease of 3 s
LONGER_THAN_A_LEASE = 11


@pytest.mark.parametrize("fair", [False, True])
def test_a_claim_holds_the_forge_as_long_as_the_job(store: Store, fair: bool) -> None:
    stored_job(store)
    assert store.hold_forge(OURS, lease_s=-1), "the wait for a ghost took as long as the lease"
    change = store.claim(OURS, lease_s=30, fair=fair)
    assert change
    assert store.hold_forge(OTHER, lease_s=30) is None
    held = store.hold_forge(OURS, lease_s=30)
    assert held and held.task_id == change.job.task_id


@pytest.mark.parametrize("fair", [False, True])
def test_a_claim_that_finds_no_job_holds_no_forge(store: Store, fair: bool) -> None:
    assert store.hold_forge(OURS, lease_s=-1)
    assert store.claim(OURS, lease_s=30, fair=fair) is None
    assert store.hold_forge(OTHER, lease_s=30)


def test_a_heartbeat_that_outlives_its_job_keeps_the_forge_from_nobody(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_job(store)
    change, renew = store.claim(OURS, lease_s=30), store.renew_lease
    assert change
    lease = Lease(store, change.job, OURS, lease_s=30, heartbeat_s=0.01)

    def renewed_in_time(job: Job, *, lease_s: float) -> Renewal | None:
        found = renew(job, lease_s=lease_s)
        lease.stop()
        store.complete(job, image_name="flux_x.png", params=PARAMS)
        store.release_forge(OURS)
        return found

    monkeypatch.setattr(store, "renew_lease", renewed_in_time)
    lease.start()
    wait_for(lambda: not lease._thread.is_alive())
    assert store.hold_forge(OTHER, lease_s=30)


@pytest.fixture
def haunted(worker: Worker) -> Iterator[Worker]:
    """A worker whose Forge draws what a dead one left."""
    before = Claimant("gpu9@elsewhere", "elsewhere/1/1.0/x", worker.bench.claimant.forge)
    assert worker.store.hold_forge(before, lease_s=-1)
    worker.store.note_generation(before, task_id="ghost", job_timestamp=None)
    worker.demo.fault("hang")
    with ThreadPoolExecutor(1) as pool:
        ghost = pool.submit(generate, worker.demo, "ghost")
        worker.demo.wait_for("start")
        yield worker
        post(worker.demo, "/sdapi/v1/interrupt")
        ghost.result()


def while_it_ends(worker: Worker, happens: Callable[[], object]) -> None:
    """Let something happen at the moment at which the ghost is interrupted."""
    interrupt = worker.bench.forge.interrupt

    def interrupt_then() -> None:
        happens()
        interrupt()

    worker.bench.forge.interrupt = interrupt_then  # type: ignore[method-assign]


def test_the_forge_is_held_anew_when_its_ghost_has_ended(haunted: Worker) -> None:
    mine = haunted.bench.claimant
    while_it_ends(haunted, lambda: haunted.store.release_forge(mine))
    assert haunted.bench.gate.opens()
    assert haunted.store.hold_forge(replace(OTHER, forge=mine.forge), lease_s=30) is None


def test_the_forge_is_held_while_its_ghost_does_not_end(haunted: Worker) -> None:
    mine = haunted.bench.claimant
    haunted.bench.forge.interrupt = lambda: haunted.store.release_forge(mine)  # type: ignore[method-assign]
    assert not haunted.bench.gate.opens()
    assert haunted.store.hold_forge(replace(OTHER, forge=mine.forge), lease_s=30) is None


def test_a_forge_that_another_took_while_its_ghost_ended_is_left_to_it(haunted: Worker) -> None:
    while_it_ends(haunted, lambda: haunted.steal_forge(seconds=30))
    assert not haunted.bench.gate.opens()
    assert haunted.store.live_workers(30)[0].problem == "busy_elsewhere"


def lose_the_second_claim(worker: Worker, error: Exception) -> None:
    """Let the claim of who follows be committed, and not be heard of."""
    claim, claims = worker.bench.store.claim, []

    def lose(*arguments: Any, **named: Any) -> Any:
        claims.append(claim(*arguments, **named))
        if len(claims) == 2:
            raise error
        return claims[-1]

    worker.bench.store.claim = lose  # type: ignore[method-assign]


@pytest.mark.parametrize("error", [StoreUnavailable("lost at the commit"), RuntimeError("broken after the commit")])
def test_a_follower_whose_claim_was_not_heard_of_is_given_back_at_once(worker: Worker, error: Exception) -> None:
    lose_the_second_claim(worker, error)
    first, second = worker.job(), worker.job()
    worker.wake_up()
    back = worker.row(second)
    assert worker.row(first).status is Status.COMPLETE
    assert (back.status, back.attempt, back.deaths, worker.wake_ups()) == (Status.QUEUED, 1, 0, 1)
    worker.wake_up()
    assert (worker.row(second).status, worker.row(second).attempt) == (Status.COMPLETE, 2)


def test_a_follower_not_heard_of_is_given_back_when_the_database_is_there_again(worker: Worker) -> None:
    lose_the_second_claim(worker, StoreUnavailable("lost at the commit"))
    first, second = worker.job(), worker.job()
    held = worker.bench.store.jobs_of_boot

    def away(boot_id: str) -> Any:
        worker.bench.store.jobs_of_boot = held  # type: ignore[method-assign]
        raise StoreUnavailable("still away")

    worker.bench.store.jobs_of_boot = away  # type: ignore[method-assign]
    worker.wake_up()
    assert (worker.row(second).status, worker.wake_ups()) == (Status.PROCESSING, 1)
    worker.wake_up()
    done = worker.row(second)
    assert worker.row(first).status is Status.COMPLETE
    assert (done.status, done.attempt, done.deaths) == (Status.COMPLETE, 2, 0)


def hold_the_first_picture(patch: pytest.MonkeyPatch, until: Callable[[], object]) -> None:
    """Let the first picture come in only when something has happened."""
    receive, held = Exchange.receive, threading.Event()

    def come_in_late(exchange: Exchange, response: Any) -> Reply:
        reply = receive(exchange, response)
        if b'"images"' in reply.body and not held.is_set():
            held.set()
            wait_for(until)
        return reply

    patch.setattr(Exchange, "receive", come_in_late)  # the wire itself: no server is slow from a given byte on


def renewals(worker: Worker, whose: Job, do: Callable[[Callable[[], Any]], Any]) -> list[Any]:
    """Let something be done at each renewal of a job's lease; return the list of what came of it."""
    renew = worker.bench.store.renew_lease
    seen: list[Any] = []

    def note(job: Job, *, lease_s: float) -> Any:
        if job.job_id != whose.job_id:
            return renew(job, lease_s=lease_s)
        seen.append(None)
        seen[-1] = do(lambda: renew(job, lease_s=lease_s))
        return seen[-1]

    worker.bench.store.renew_lease = note  # type: ignore[method-assign]
    return seen


def test_a_follower_is_kept_while_the_picture_before_it_comes_in(
    make_worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = make_worker(LEASE_S="3", HEARTBEAT_S="0.3")
    first, second = worker.job(), worker.job()
    renewed = renewals(worker, second, lambda renew: renew())
    looked = threading.Event()
    hold_the_first_picture(monkeypatch, until=looked.is_set)
    seen = []

    def rescue() -> None:
        wait_for(lambda: len(renewed) > LONGER_THAN_A_LEASE)
        worker.runner.takeover.rescue()
        seen.append(worker.row(second).status)
        looked.set()

    worker.wake_up(meanwhile=rescue)
    assert seen == [Status.PROCESSING]
    assert [(worker.row(job).status, worker.row(job).attempt) for job in (first, second)] == [(Status.COMPLETE, 1)] * 2


@pytest.mark.parametrize("away", [False, True], ids=["taken", "database away"])
def test_a_follower_whose_lease_is_in_doubt_is_not_sent(
    make_worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    worker = make_worker(LEASE_S="3", HEARTBEAT_S="0.3")
    first, second = worker.job(), worker.job()

    def lose(renew: Callable[[], Any]) -> Any:
        if away:
            raise StoreUnavailable("away")
        worker.store.put_back(worker.row(second))
        return renew()

    asked = renewals(worker, second, lose)
    hold_the_first_picture(monkeypatch, until=lambda: len(asked) > LONGER_THAN_A_LEASE)
    worker.wake_up()
    back = worker.row(second)
    assert worker.row(first).status is Status.COMPLETE
    assert (back.status, back.attempt, back.deaths, worker.wake_ups()) == (Status.QUEUED, 1, 0, 1)
    worker.wake_up()
    tasks = [entry["task"] for entry in worker.demo.wait_for("arrive", count=2)]
    assert tasks == [f"{first.job_id}-1-1", f"{second.job_id}-2-1"]
