"""The busiest statements are prepared; a connection that does not know one, now or ever, does the same without."""

from typing import Any

import psycopg2
from psycopg2.extensions import cursor

from shared.domain.identity import Identity
from shared.store import Caps, Claimant, Store
from shared.store.connected import driver_url
from shared.store.prepared import Prepared
from tests.builders import NO_CAPS, new_job, stored_job

GPU = Claimant("gpu1@host", "boot", "http://forge")


def test_a_claim_is_prepared_once_for_each_connection(store: Store) -> None:
    claimed = []
    for _ in range(3):
        stored_job(store)
        change = store.claim(GPU, lease_s=30)
        assert change
        claimed.append(change.job.job_id)
    assert len(set(claimed)) == 3
    with store._single() as connection:
        names = list(connection.exec_driver_sql("SELECT name FROM pg_prepared_statements").scalars())
    assert len([name for name in names if name.startswith("forgeline_")]) == 1


def test_a_connection_that_has_forgotten_it_learns_it_again(store: Store) -> None:
    for _ in range(3):
        stored_job(store)
        assert store.claim(GPU, lease_s=30)
        with store._single() as connection:
            connection.exec_driver_sql("DEALLOCATE ALL")


class Pooled(cursor):  # type: ignore[misc]  # the driver has no types
    """A cursor behind a pooler: what was prepared is on another connection by the next statement."""

    def execute(self, query: Any, values: Any = None) -> None:
        super().execute(query, values)
        if str(query).startswith("PREPARE"):
            super().execute("DEALLOCATE ALL")


def test_behind_a_pooler_it_is_sent_as_a_plain_one(database_url: str) -> None:
    prepared = Prepared.of("SELECT %(one)s || %(two)s", {"one": "it's "}, {"two": "text"})
    url = driver_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg2.connect(url, cursor_factory=Pooled)
    connection.autocommit = True
    at = connection.cursor()
    known: set[str] = set()
    for _ in range(2):
        prepared.run(at, {"two": "plain"}, known)
        assert at.fetchone() == ("it's plain",)
    connection.close()


def test_a_connection_is_never_asked_for_what_it_does_not_know(database_url: str) -> None:
    prepared = Prepared.of("SELECT %(one)s || %(two)s", {"one": "a "}, {"two": "text"})
    url = driver_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    asked: list[str] = []

    class Noted(cursor):  # type: ignore[misc]  # the driver has no types
        def execute(self, query: Any, values: Any = None) -> None:
            asked.append(str(query).split()[0])
            super().execute(query, values)

    connection = psycopg2.connect(url, cursor_factory=Noted)
    connection.autocommit = True
    known: set[str] = set()
    for _ in range(2):
        prepared.run(connection.cursor(), {"two": "b"}, known)
    connection.close()
    assert asked == ["PREPARE", "EXECUTE", "EXECUTE"]


def test_what_comes_often_is_planned_once(store: Store) -> None:
    for ticket in (1, 2):
        change, _ = store.add_job(new_job(), ticket=ticket, caps=NO_CAPS, position=ticket)
        store.cancel_job(change.job.job_id, Identity(change.job.user_id))
    with store._single() as connection:
        plans = list(connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements").scalars())
    assert [sum(word in plan for plan in plans) for word in ("INSERT INTO jobs", "WITH ended")] == [1, 1]


def test_whoever_looks_at_the_line_is_planned_for_the_line_as_it_is(store: Store) -> None:
    store.add_job(new_job(), ticket=1, caps=Caps(max_queue=10, max_jobs_per_user=1), position=1)
    with store._single() as connection:
        assert not list(connection.exec_driver_sql("SELECT FROM pg_prepared_statements"))
