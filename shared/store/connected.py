"""The engines, and how a lost database is told.

An engine belongs to the process that made it: a forked child builds its own. There are two:

    _begin()   a transaction of several statements
    _single()  statements that are each a transaction of their own: one round trip instead of three
               (_only_row() the same for the busiest of them, without SQLAlchemy around it)

A connection that fails becomes `StoreUnavailable`, once, here. One that rested is asked whether it still lives
before it is used again, so that a restart of PostgreSQL in a quiet hour costs nobody an answer; one in steady use
is not, for that would cost every statement a round trip.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any, cast

import psycopg2
from sqlalchemy import URL, Connection, Engine, Row, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.domain.errors import QueueUnavailable
from shared.domain.jobs import Job, Stage, Status
from shared.store.prepared import Prepared
from shared.store.tables import jobs

#: seconds a new connection may take where the driver blocks (in the API: api.database_wait), and a request waits for a
#: free one
CONNECT_S = 2
POOL_WAIT_S = 1.4
#: a connection that rested so long is asked whether it still lives
RESTED_S = 1.0
#: between two statements of a transaction pass milliseconds; who stands still for so long (a suspended process, a
#: machine that is gone) loses its connection, and with it the locks that a rescue or a cancel would wait for
STANDS_STILL_S = 3

AWAY = (OperationalError, InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError)

#: where a connection's record keeps which statements it has learned
PREPARED = "prepared"

#: columns of `jobs` that are not fields of Job
_ROW_ONLY = frozenset({"paused_s_before", "turn_before"})
_COLUMNS = tuple(jobs.c.keys())


def driver_url(database_url: str) -> URL:
    """Return `postgresql://…` as SQLAlchemy wants it: with the driver that gevent can patch."""
    return make_url(database_url).set(drivername="postgresql+psycopg2")


class StoreUnavailable(QueueUnavailable):
    """PostgreSQL cannot be reached; nothing of this unit of work was stored, unless it is `MaybeStored`."""


class MaybeStored(StoreUnavailable):
    """The connection was lost under a statement: whether it was carried out is not known."""


class Connected:
    """What every concern of the store stands on: two engines per process."""

    def __init__(self, database_url: str, *, pool_size: int = 8) -> None:
        self._url = database_url
        self._pool_size = pool_size
        self._engines: dict[tuple[int, str], Engine] = {}
        #: whether PostgreSQL was away when it was asked last, and when it answered again
        self._lost = False
        self._back_at: float | None = None

    @property
    def engine(self) -> Engine:
        """This process's engine for transactions, made at the first use (so also after a fork)."""
        return self._engine("READ COMMITTED")

    def back_within(self, seconds: float) -> bool:
        """Tell whether PostgreSQL was away and answers this process again for less than `seconds`, or not yet."""
        return self._lost or (self._back_at is not None and monotonic() - self._back_at < seconds)

    def close(self) -> None:
        """Close this process's connections."""
        mine = [key for key in self._engines if key[0] == os.getpid()]
        for key in mine:
            self._engines.pop(key).dispose()

    def _engine(self, isolation: str) -> Engine:
        key = (os.getpid(), isolation)
        if key in self._engines:
            return self._engines[key]
        return self._engines.setdefault(key, self._connect(isolation))  # another thread may have been first

    def _connect(self, isolation: str) -> Engine:
        options = {} if isolation == "READ COMMITTED" else {"isolation_level": isolation}
        engine = create_engine(
            driver_url(self._url),
            pool_size=self._pool_size,
            max_overflow=0,  # one past the pool would be made and thrown away again for each statement
            pool_use_lifo=True,
            pool_timeout=POOL_WAIT_S,
            connect_args={
                "connect_timeout": CONNECT_S,
                "application_name": "forgeline",
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 2,
                "tcp_user_timeout": 10_000,
            },
            **options,
        )
        _ask_the_rested(engine)
        _let_nobody_keep_locks(engine)
        return engine

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        """Run one transaction; raise StoreUnavailable when the database is away."""
        with self._told_when_away(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _single(self) -> Iterator[Connection]:
        """Run statements that stand alone; raise StoreUnavailable when the database is away."""
        with self._told_when_away(), self._engine("AUTOCOMMIT").connect() as connection:
            yield connection

    def _only_row(self, statement: str | Prepared, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Run one statement that stands alone by the driver itself; return its only row.

        For the busiest few only (decision 0013): what SQLAlchemy does around one costs as much as the statement. Raises
        StoreUnavailable (MaybeStored once it was sent), and psycopg2.Error for what the statement itself did wrong.
        """
        engine = self._engine("AUTOCOMMIT")
        with self._told_when_away():
            connection = engine.raw_connection()
            try:
                cursor = connection.cursor()
                if isinstance(statement, Prepared):
                    statement.run(cursor, values, connection.info.setdefault(PREPARED, set()))
                else:
                    cursor.execute(statement, values)
                return cast(tuple[Any, ...], cursor.fetchone())
            except psycopg2.Error as error:
                if connection.driver_connection is None or connection.driver_connection.closed:
                    connection.invalidate(error)
                    engine.dispose()
                    self._lost = True
                    raise _away(MaybeStored) from error
                raise
            finally:
                connection.close()

    @contextmanager
    def _told_when_away(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, *AWAY, PoolTimeout) as error:
            if getattr(error, "connection_invalidated", False):
                self._lost = True
                raise _away(MaybeStored) from error
            if not isinstance(error, (*AWAY, PoolTimeout)):
                raise
            self._lost |= isinstance(error, AWAY) and not _is_answer(error)
            raise _away(StoreUnavailable) from error
        if self._lost:
            self._lost, self._back_at = False, monotonic()


def _away(kind: type[StoreUnavailable]) -> StoreUnavailable:
    return kind("PostgreSQL cannot be reached", retry_after_s=2)


def _is_answer(error: Exception) -> bool:
    """Tell whether PostgreSQL itself said no to a statement, as to one that took too long: then it is there."""
    return getattr(getattr(error, "orig", error), "pgcode", None) is not None


def _ask_the_rested(engine: Engine) -> None:
    """Ping a connection that was not used for `RESTED_S`; if it is dead, so are the others of its pool."""

    @event.listens_for(engine, "checkin")
    def rest(_connection: Any, record: Any) -> None:
        record.info["rests_since"] = monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, record: Any, _proxy: Any) -> None:
        if monotonic() - record.info.get("rests_since", monotonic()) < RESTED_S:
            return
        try:
            alive = engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error
        if not alive:
            raise InvalidatePoolError


def _let_nobody_keep_locks(engine: Engine) -> None:
    """Have PostgreSQL end a session that stands still within a transaction.

    By a statement and not by libpq's `options`, which a PgBouncer in between refuses.
    """

    @event.listens_for(engine, "connect")
    def tell(connection: Any, _record: Any) -> None:
        autocommit, connection.autocommit = connection.autocommit, True
        with connection.cursor() as cursor:
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{STANDS_STILL_S}s'")
        connection.autocommit = autocommit


def job_of(row: Row[Any] | tuple[Any, ...], *, skip: int = 0) -> Job:
    """Return the job of a row that holds all columns of `jobs`, after `skip` others."""
    values = dict(zip(_COLUMNS, row[skip:], strict=True))
    for name in _ROW_ONLY:
        del values[name]
    values["status"] = Status(values["status"])
    values["stage"] = Stage(values["stage"]) if values["stage"] else None
    return Job(**values)
