"""Bring a database to the newest schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from shared.store.connected import AWAY, StoreUnavailable, driver_url

#: any constant: two processes that migrate at once take turns
MIGRATION_LOCK = 0x464F5247


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def migrate(database_url: str) -> None:
    """Run every migration that `database_url` has not seen; waits for another that migrates.

    Raises StoreUnavailable, with the database's own first line, when the database is away.
    """
    engine = create_engine(driver_url(database_url))
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
    except AWAY as error:
        raise StoreUnavailable(str(getattr(error, "orig", None) or error).partition("\n")[0]) from error
    finally:
        engine.dispose()


def pending_migrations(database_url: str) -> list[str]:
    """Return the revisions that `database_url` still lacks, oldest first."""
    engine = create_engine(driver_url(database_url))
    try:
        with engine.connect() as connection:
            seen = MigrationContext.configure(connection).get_current_revision()
        scripts = ScriptDirectory.from_config(_config())
        found = scripts.iterate_revisions("head", seen or "base")
        return [script.revision for script in found][::-1]
    finally:
        engine.dispose()
