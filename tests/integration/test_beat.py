"""The clock's duties on a real database and Redis: rescue, reconciliation, the guard, what is overdue."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic

import pytest
from sqlalchemy import Connection, create_engine, text

from beat.duties import Duties
from beat.reconcile import reconcile
from beat.rescue import expire_waiting_jobs, finish_overdue_cancels, rescue_orphaned_jobs
from beat.stuck import cleanup_stuck_image_jobs
from shared import redis_link
from shared.domain.jobs import Job, Stage, Status
from shared.queues import GPU_QUEUE
from shared.store import Claimant, Store, StoreUnavailable
from shared.store.connected import driver_url
from tests.builders import ADMIN, stored_job
from tests.waiting import wait_for

GPU = Claimant("gpu1@host", "boot", "http://forge")
OVER_S = -1.0


def claimed(store: Store, *, lease_s: float = 30) -> Job:
    """Store a job and claim it."""
    stored_job(store)
    change = store.claim(GPU, lease_s=lease_s)
    assert change is not None
    return change.job


def row(store: Store, job: Job) -> Job:
    """Return the job as it is now."""
    found = store.job(job.job_id)
    assert found is not None
    return found


def execute(duties: Duties, statement: str) -> None:
    """Change the database behind everybody's back."""
    engine = create_engine(driver_url(str(duties.settings.database_url)))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_a_dead_workers_job_stands_at_its_old_place_again(duties: Duties, store: Store) -> None:
    dead, waiting = claimed(store, lease_s=OVER_S), stored_job(store)
    assert rescue_orphaned_jobs(duties) == 1
    back = row(store, dead)
    assert (back.status, back.stage, back.progress, back.deaths) == (Status.QUEUED, Stage.WAITING, 0, 1)
    assert [line[0] for line in store.waiting_scores()] == [dead.job_id, waiting.job_id]
    assert duties.bell.unheard() == 1
    assert store.complete(dead, image_name="late.png", params={}) is None


def test_a_worker_suspended_within_a_transaction_keeps_its_job_from_nobody(duties: Duties, store: Store) -> None:
    job = claimed(store, lease_s=OVER_S)
    with store.sweep_lock("retention"), pytest.raises(StoreUnavailable), store._begin() as suspended:
        suspended.execute(text(f"SELECT * FROM jobs WHERE job_id = '{job.job_id}' FOR UPDATE"))
        assert rescue_orphaned_jobs(duties) == 0
        wait_for(lambda: rescue_orphaned_jobs(duties) == 1, what="a rescue in spite of the lock")
        with store.sweep_lock("retention") as mine:
            assert not mine, "a sweep rests for longer than that between its statements"
        suspended.execute(text("SELECT 1"))
    assert row(store, job).status is Status.QUEUED


@contextmanager
def database_refusing(store: Store) -> Iterator[None]:
    """Let the database take no connections: the server runs on, as it does while it recovers."""
    name = store.engine.url.database
    with create_engine(store.engine.url.set(database="template1"), isolation_level="AUTOCOMMIT").connect() as server:
        server.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
        try:
            wait_for(lambda: not connections_left(server, name), what="the database's connections to end")
            yield
        finally:
            server.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))


def connections_left(server: Connection, name: str | None) -> int:
    """End the connections to a database; return how many there were."""
    ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name"
    return int(server.execute(text(ended), {"name": name}).scalar_one())


def test_who_was_refused_by_the_database_gives_the_living_time_to_renew(make_duties: Callable[..., Duties]) -> None:
    duties = make_duties(HEARTBEAT_S="0.4", LEASE_S="1")
    job = claimed(duties.store, lease_s=OVER_S)
    with database_refusing(duties.store), pytest.raises(StoreUnavailable):
        refused_after = monotonic()
        rescue_orphaned_jobs(duties)
    wait_for(lambda: rescue_orphaned_jobs(duties) == 1, what="a rescue")
    assert monotonic() - refused_after >= 2 * 0.4
    assert row(duties.store, job).deaths == 1


@pytest.mark.parametrize("connected", [False, True], ids=["refused", "its connection lost"])
def test_the_living_have_time_to_renew_from_the_moment_the_database_is_back(
    make_duties: Callable[..., Duties], connected: bool
) -> None:
    """The last look before may be longer ago than that, as with a RESCUE_EVERY_S of more than two heartbeats."""
    duties = make_duties(HEARTBEAT_S="0.1", LEASE_S="1")
    if connected:
        assert rescue_orphaned_jobs(duties) == 0
    claimed(duties.store, lease_s=OVER_S)
    with database_refusing(duties.store):
        lost_at = monotonic()
        with pytest.raises(StoreUnavailable):
            rescue_orphaned_jobs(duties)
        wait_for(lambda: monotonic() - lost_at > 2 * 0.1)
    assert rescue_orphaned_jobs(duties) == 0
    wait_for(lambda: rescue_orphaned_jobs(duties) == 1, what="a rescue")


def test_a_statement_that_took_too_long_puts_no_rescue_off(duties: Duties, store: Store) -> None:
    claimed(store, lease_s=OVER_S)
    with pytest.raises(StoreUnavailable), duties.store._begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = '10ms'"))
        connection.execute(text("SELECT pg_sleep(9)"))
    assert rescue_orphaned_jobs(duties) == 1


def test_a_living_workers_job_is_not_touched(duties: Duties, store: Store) -> None:
    job = claimed(store)
    assert rescue_orphaned_jobs(duties) == 0
    assert row(store, job).attempt == 1


def test_a_lease_that_was_renewed_in_time_holds(duties: Duties, store: Store) -> None:
    job = claimed(store, lease_s=OVER_S)
    assert store.renew_lease(job, lease_s=30)
    assert rescue_orphaned_jobs(duties) == 0


def test_a_database_that_just_came_back_gives_the_living_time_to_renew(
    make_duties: Callable[..., Duties], store: Store
) -> None:
    claimed(store, lease_s=OVER_S)
    patient = make_duties(HEARTBEAT_S="1000000", LEASE_S="3000000")
    assert rescue_orphaned_jobs(patient) == 0


def test_ten_rescues_at_once_count_one_death(make_duties: Callable[..., Duties], store: Store) -> None:
    jobs = [claimed(store, lease_s=OVER_S) for _ in range(5)]
    workers = [make_duties() for _ in range(10)]
    with ThreadPoolExecutor(len(workers)) as pool:
        rescued = sum(pool.map(rescue_orphaned_jobs, workers))
    assert rescued == len(jobs)
    assert {row(store, job).deaths for job in jobs} == {1}


def test_the_third_death_is_the_last(duties: Duties, store: Store) -> None:
    job = stored_job(store)
    for _ in range(3):
        assert store.claim(GPU, lease_s=OVER_S)
        rescue_orphaned_jobs(duties)
    lost = row(store, job)
    assert (lost.status, lost.error_code, lost.deaths, lost.retryable) == (Status.ERROR, "worker_lost", 3, True)


def test_a_cancelled_job_of_a_dead_worker_ends(duties: Duties, store: Store) -> None:
    job = claimed(store, lease_s=OVER_S)
    store.cancel_job(job.job_id, ADMIN)
    rescue_orphaned_jobs(duties)
    assert row(store, job).status is Status.CANCELLED


def test_one_of_two_reconciliations_at_once_steps_back(duties: Duties, store: Store) -> None:
    stored_job(store)
    with store.sweep_lock("reconcile") as mine:
        assert mine
        assert reconcile(duties) == 0
    assert reconcile(duties) > 0


def test_a_held_job_expires_and_a_paused_one_does_not(make_duties: Callable[..., Duties], store: Store) -> None:
    duties = make_duties(QUEUE_TTL_S="60")
    held, paused = stored_job(store), stored_job(store)
    execute(duties, f"UPDATE jobs SET created_at = now() - interval '90 s' WHERE job_id = '{held.job_id}'")
    execute(
        duties,
        f"UPDATE jobs SET created_at = now() - interval '90 s', paused_s_before = -40 WHERE job_id = '{paused.job_id}'",
    )
    assert expire_waiting_jobs(duties) == 1
    ended = row(store, held)
    assert (ended.status, ended.error_code, ended.retryable) == (Status.ERROR, "expired", True)
    assert row(store, paused).status is Status.QUEUED


def test_a_pause_that_still_lasts_does_not_count_either(make_duties: Callable[..., Duties], store: Store) -> None:
    duties = make_duties(QUEUE_TTL_S="60")
    stored_job(store)
    store.pause()
    execute(duties, "UPDATE line_state SET paused_at = now() - interval '80 s'")
    execute(duties, "UPDATE jobs SET created_at = now() - interval '90 s'")
    assert expire_waiting_jobs(duties) == 0


def test_without_a_limit_nothing_expires(make_duties: Callable[..., Duties], store: Store) -> None:
    duties = make_duties(QUEUE_TTL_S="0")
    stored_job(store)
    execute(duties, "UPDATE jobs SET created_at = now() - interval '900 days'")
    assert expire_waiting_jobs(duties) == 0


def test_a_cancel_that_nobody_honoured_is_carried_out_by_the_clock(duties: Duties, store: Store) -> None:
    asked, other = claimed(store), claimed(store)
    store.cancel_job(asked.job_id, ADMIN)
    assert finish_overdue_cancels(duties) == 0
    assert finish_overdue_cancels(duties, within_s=0) == 1
    assert (row(store, asked).status, row(store, other).status) == (Status.CANCELLED, Status.PROCESSING)
    assert store.complete(asked, image_name="late.png", params={}) is None


def test_a_silent_job_is_stuck_and_a_loading_forge_may_be_silent_for_longer(
    make_duties: Callable[..., Duties], store: Store
) -> None:
    duties = make_duties(STUCK_AFTER_S="60", FORGE_LOAD_TIMEOUT_S="600")
    silent, loading, alive = (claimed(store) for _ in range(3))
    store.note_alive(loading, forge_loading=True)
    quiet = "UPDATE jobs SET alive_at = now() - interval '90 s' WHERE job_id IN ('{}', '{}')"
    execute(duties, quiet.format(silent.job_id, loading.job_id))
    assert cleanup_stuck_image_jobs(duties) == 1
    assert row(store, silent).error_code == "stuck"
    assert {row(store, job).status for job in (loading, alive)} == {Status.PROCESSING}
    assert store.look(silent) is None


def test_a_job_that_showed_life_since_it_was_found_is_not_stuck(duties: Duties, store: Store) -> None:
    job = claimed(store)
    ((found, _),) = store.silent_jobs(0)
    store.note_alive(job, forge_loading=False)
    assert store.fail_silent(found) is None
    assert row(store, job).status is Status.PROCESSING


def test_a_heartbeat_is_no_sign_of_life(duties: Duties, store: Store) -> None:
    job = claimed(store)
    store.renew_lease(job, lease_s=30)
    ((found, _),) = store.silent_jobs(0)
    assert store.fail_silent(found) is not None


def test_the_broker_holds_wake_ups_under_the_queues_name(duties: Duties, redis_url: str) -> None:
    duties.bell.ring("someone")
    redis = redis_link.connect(redis_url)
    assert redis.llen(GPU_QUEUE) == duties.bell.unheard() == 1
    redis.close()
