"""Bring a database to the newest schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from shared.store.connected import AWAY, StoreUnavailable, driver_url

#: any constant: two processes that migrate at once take turns
MIGRATION_LOCK = 0x464F5247

#: nobody waits for a server that takes connections and says nothing
CONNECT_S = 10

NEWER = "a newer version of Forgeline made it what it is (revision {}): start that version, or restore a backup"


class CannotMigrate(RuntimeError):
    """The database answers, but this version cannot bring it to its own schema; the text says why."""


def migrate(database_url: str) -> list[str]:
    """Run every migration that `database_url` has not seen, and return them; waits for another that migrates.

    Raises, with the database's own first line, StoreUnavailable when it is away, and CannotMigrate.
    """
    with _connected(database_url) as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        lacking = _lacking(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        return lacking


def pending_migrations(database_url: str) -> list[str]:
    """Return the revisions that `database_url` still lacks, oldest first; raises StoreUnavailable, CannotMigrate."""
    with _connected(database_url) as connection:
        return _lacking(connection)


@contextmanager
def _connected(database_url: str) -> Iterator[Connection]:
    engine = create_engine(driver_url(database_url), connect_args={"connect_timeout": CONNECT_S})
    try:
        with engine.connect() as connection:
            yield connection
    except AWAY as error:
        raise StoreUnavailable(_first_line(error)) from error
    except DBAPIError as error:
        raise CannotMigrate(_first_line(error)) from error
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _lacking(connection: Connection) -> list[str]:
    seen = MigrationContext.configure(connection).get_current_revision()
    try:
        found = ScriptDirectory.from_config(_config()).iterate_revisions("head", seen or "base")
        return [script.revision for script in found][::-1]
    except ResolutionError as error:
        raise CannotMigrate(NEWER.format(seen)) from error


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).partition("\n")[0]
