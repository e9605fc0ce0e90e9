"""The rights to a job and to its Forge: both held from the claim on, and nothing done once they may be another's."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.jobs import Status
from shared.store import Claimant, Store, StoreUnavailable
from tests.builders import stored_job
from tests.demo_calls import generate, post
from tests.integration.one_worker import Worker

OURS = Claimant("gpu1@here", "here/1/1.0/x", "http://forge")
OTHER = Claimant("gpu2@elsewhere", "elsewhere/1/1.0/x", "http://forge")


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
