"""Real servers for tests: one PostgreSQL and one Redis per run, emptied between tests."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis
from cli.ports import free_port
from shared.store.connected import driver_url

TABLES = "conversations, messages, jobs, workers, forge_leases, user_turns, webhook_outbox"
EMPTY = (
    f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE",
    "UPDATE line_state SET paused = false, paused_at = NULL, paused_s = 0, epoch = ''",
)


@contextmanager
def postgres() -> Iterator[EmbeddedPostgres]:
    """Run a PostgreSQL in a folder of its own; durability off, for the disk's sake."""
    with tempfile.TemporaryDirectory(prefix="fl-pg-") as folder:
        Path(folder).chmod(0o711)
        server = EmbeddedPostgres(Path(folder) / "postgres", free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def redis_server() -> Iterator[EmbeddedRedis]:
    """Run a Redis in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="fl-redis-") as folder:
        server = EmbeddedRedis(Path(folder) / "redis", free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()


def empty_database(url: str) -> None:
    """Delete every row."""
    engine = create_engine(driver_url(url))
    with engine.begin() as connection:
        for statement in EMPTY:
            connection.execute(text(statement))
    engine.dispose()
