"""A database that cannot be brought to this version's schema is told in words, by everything that looks at it."""

import socket
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from click.testing import CliRunner

from cli.doctor_findings import EndOfLook, Finding, Level
from cli.doctor_servers import look_at_postgres
from cli.embedded_postgres import EmbeddedPostgres
from cli.migrate import migrate as command
from shared.store import Store, StoreUnavailable, schema
from shared.store.schema import migrate, pending_migrations


@pytest.fixture
def elsewhere(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The address of an empty database; its owner is not the user `guest`, who may connect to it."""
    server = postgres.url.rpartition("/")[0]
    ask(postgres.url, "DROP DATABASE IF EXISTS elsewhere", "CREATE DATABASE elsewhere", "DROP ROLE IF EXISTS guest")
    ask(postgres.url, "CREATE ROLE guest LOGIN PASSWORD 'guest'")
    yield f"{server}/elsewhere"
    ask(postgres.url, "DROP DATABASE elsewhere WITH (FORCE)", "DROP ROLE guest")


def ask(url: str, *statements: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


def said_by_migrate(url: str, *, code: int = 1) -> str:
    """What the command says in its one line."""
    done = CliRunner().invoke(command, env={"DATABASE_URL": url})
    assert done.exit_code == code and not isinstance(done.exception, Exception), done.exception
    assert done.output.count("\n") == 1
    return done.output


def test_what_was_done_is_told(elsewhere: str) -> None:
    assert said_by_migrate(elsewhere, code=0).startswith("migrated: 0001")
    assert said_by_migrate(elsewhere, code=0) == "nothing to migrate\n"


def test_a_database_of_a_newer_version_is_refused_in_words(elsewhere: str) -> None:
    migrate(elsewhere)
    ask(elsewhere, "UPDATE alembic_version SET version_num = '9999'")
    assert "newer version" in said_by_migrate(elsewhere)
    found: list[Finding] = []
    with closing(Store(elsewhere)) as store, pytest.raises(EndOfLook):
        for finding in look_at_postgres(store, elsewhere):
            found.append(finding)
    assert (found[-1].part, found[-1].level) == ("migrations", Level.FAULT)
    assert "9999" in found[-1].text


def test_a_user_who_may_not_make_tables_is_told_so(elsewhere: str) -> None:
    guest = elsewhere.replace(elsewhere.partition("://")[2].partition("@")[0], "guest:guest")
    assert "permission denied" in said_by_migrate(guest)
    assert pending_migrations(elsewhere)[0] == "0001"


def test_a_server_that_takes_connections_and_says_nothing_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "CONNECT_S", 1)  # nobody wants to wait longer for a test
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none"
        for ask_it in (migrate, pending_migrations):
            with pytest.raises(StoreUnavailable):
                ask_it(url)
