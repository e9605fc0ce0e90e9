"""A change of one job as one statement for the driver: job, message and what else hangs on it in one round trip.

The statements are made of the same parts as every other change, but put together once and sent by the driver: for
statements of this size SQLAlchemy needs longer than PostgreSQL.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import CTE, ColumnElement, Update, case, func, literal, select, true, update
from sqlalchemy.dialects.postgresql import psycopg2

from shared.domain.jobs import Job
from shared.store.connected import job_of
from shared.store.prepared import Prepared
from shared.store.tables import messages

#: as `shared.domain.jobs.iso` writes it
MOMENT = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'

#: sends a statement and returns its only row
Run = Callable[[str | Prepared, dict[str, Any]], tuple[Any, ...]]


def told(
    changed: CTE, plain: Iterable[str], moments: Iterable[str], also: Mapping[str, ColumnElement[Any]] | None = None
) -> Update:
    """SQL: merge the named columns of a changed job, which stands in no line any more, and `also`, into its message.

    They are plain values, and plain values replace, so `||` is the deep merge here (shared.domain.metadata: only
    objects merge key by key). It works on the message as it stands once its row is locked, so what someone else
    merged meanwhile survives.
    """
    view: list[Any] = ["queue_position", 0]
    for name in plain:
        view += [name, changed.c[name]]
    for name in moments:
        view += [name, func.to_char(func.timezone("UTC", changed.c[name]), MOMENT)]
    for name, value in (also or {}).items():
        view += [name, value]
    merged = messages.c.extra_metadata.concat(func.jsonb_build_object(*view))
    values = {"extra_metadata": merged, "updated_at": func.clock_timestamp()}
    return update(messages).where(messages.c.id == changed.c.message_id).values(**values)


def merged_object(name: str, flat: ColumnElement[Any]) -> ColumnElement[Any]:
    """SQL: an object of plain values merged into what a message holds under `name`, as the deep merge does it."""
    before = messages.c.extra_metadata[name]
    return case((func.jsonb_typeof(before) == "object", before.concat(flat)), else_=flat)


def job_if_changed(row: tuple[Any, ...]) -> Job | None:
    """Return the job of the only row of such a statement; None: nothing was changed."""
    return None if row[0] is None else job_of(row)


def for_the_driver(changed: CTE, *beside: CTE) -> tuple[str, dict[str, Any]]:
    """Return the statement, whose only row is the changed job or all NULL, and the values that are always the same."""
    one = select(literal(1)).subquery("one")
    whole = select(changed).select_from(one.outerjoin(changed, true())).add_cte(*beside)
    compiled = whole.compile(dialect=psycopg2.dialect())  # type: ignore[no-untyped-call]  # SQLAlchemy's own example
    return str(compiled), dict(compiled.params)
