"""The engine, and how a lost database is told.

An engine belongs to the process that made it: a forked child builds its own. Every unit
of work is one transaction; a connection that fails becomes `StoreUnavailable`, once, here.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, Row, create_engine, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.domain.errors import QueueUnavailable
from shared.domain.jobs import Job, Stage, Status
from shared.store.tables import jobs

#: seconds a new connection may take, and a request waits for a free one
CONNECT_S = 2
POOL_WAIT_S = 2

#: columns of `jobs` that are not fields of Job
_ROW_ONLY = frozenset({"paused_s_before", "turn_before"})
_COLUMNS = tuple(jobs.c.keys())


def driver_url(database_url: str) -> URL:
    """Return `postgresql://…` as SQLAlchemy wants it: with the driver that gevent can patch."""
    return make_url(database_url).set(drivername="postgresql+psycopg2")


class StoreUnavailable(QueueUnavailable):
    """PostgreSQL cannot be reached; nothing of this unit of work was stored."""


class Connected:
    """What every concern of the store stands on: one engine per process."""

    def __init__(self, database_url: str, *, pool_size: int = 8) -> None:
        self._url = database_url
        self._pool_size = pool_size
        self._engines: dict[int, Engine] = {}

    @property
    def engine(self) -> Engine:
        """This process's engine, made at the first use (so also after a fork)."""
        pid = os.getpid()
        if pid not in self._engines:
            self._engines[pid] = self._connect()
        return self._engines[pid]

    def close(self) -> None:
        """Close this process's connections."""
        engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine.dispose()

    def _connect(self) -> Engine:
        return create_engine(
            driver_url(self._url),
            pool_size=self._pool_size,
            max_overflow=4,
            pool_timeout=POOL_WAIT_S,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": CONNECT_S,
                "application_name": "forgeline",
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 2,
                "tcp_user_timeout": 10_000,
            },
        )

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        """Run one transaction; raise StoreUnavailable when the database is away."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise StoreUnavailable("PostgreSQL cannot be reached", retry_after_s=2) from error
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            raise StoreUnavailable("PostgreSQL cannot be reached", retry_after_s=2) from error


def job_of(row: Row[Any], *, skip: int = 0) -> Job:
    """Return the job of a row that holds all columns of `jobs`, after `skip` others."""
    values = dict(zip(_COLUMNS, row[skip:], strict=True))
    for name in _ROW_ONLY:
        del values[name]
    values["status"] = Status(values["status"])
    values["stage"] = Stage(values["stage"]) if values["stage"] else None
    return Job(**values)
