"""A waiting job leaves the line in one statement: it is ended and its message told in one round trip.

    ended     the job, if it waits, may be ended by whoever asks, and owes nobody a callback
    told      its message: the keys of the job that its end changes, each a plain value

Plain values replace, so `||` is the deep merge here (shared.domain.metadata: only objects merge key by key). It works
on the message as it stands once its row is locked, so what someone else merged meanwhile survives.

The statement is made of the same parts as every other change, but put together once and sent by the driver: for a
statement of this size SQLAlchemy needs longer than PostgreSQL.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import CTE, Boolean, Update, bindparam, case, func, literal, or_, select, true, update
from sqlalchemy.dialects.postgresql import psycopg2
from sqlalchemy.sql.elements import ColumnElement

from shared.domain.errors import ErrorCode, error_text
from shared.domain.identity import Identity
from shared.domain.jobs import Job, Status
from shared.domain.texts import LOCALES
from shared.store.changing import changed
from shared.store.connected import job_of
from shared.store.entering import MOMENT, Run
from shared.store.tables import jobs, messages

#: what the end of a waiting job changes of its `stored_view`: columns of the same name, moments among them
_CHANGED = ("status", "stage", "version", "error", "error_code", "retryable", "cancel_requested")
_MOMENTS = ("finished_at", "updated_at")


def leave(run: Run, job_id: str, identity: Identity) -> Job | None:
    """Cancel a waiting job of `identity` (an admin: anyone's); None: it must be looked at first.

    `run` sends a statement and returns its only row.
    """
    statement, constants = _statement()
    asked = {"asked_for": job_id, "asking": identity.user_id, "everyone": identity.is_admin}
    row = run(statement, constants | asked)
    return None if row[0] is None else job_of(row)


@lru_cache(maxsize=1)
def _statement() -> tuple[str, dict[str, Any]]:
    """Return the statement for the driver, and the values that are always the same."""
    theirs = or_(jobs.c.user_id == bindparam("asking"), bindparam("everyone", type_=Boolean))
    waits = (jobs.c.job_id == bindparam("asked_for")) & (jobs.c.status == Status.QUEUED)
    ended = changed(waits & theirs & jobs.c.callback_url.is_(None), cancelled(None)).cte("ended")
    one = select(literal(1)).subquery("one")
    whole = select(ended).select_from(one.outerjoin(ended, true())).add_cte(_told(ended).cte("told"))
    compiled = whole.compile(dialect=psycopg2.dialect())  # type: ignore[no-untyped-call]  # SQLAlchemy's own example
    return str(compiled), dict(compiled.params)


def cancelled(locale: str | None) -> dict[str, Any]:
    """Return the columns of a job that ends as cancelled; `locale` None: the text is chosen by the row's own."""
    return {
        "status": Status.CANCELLED,
        "stage": None,
        "cancel_requested": True,
        "error_code": ErrorCode.CANCELLED.value,
        "error": _text_by_row() if locale is None else error_text(ErrorCode.CANCELLED, locale),
        "retryable": True,
        "finished_at": func.clock_timestamp(),
        "lease_until": None,
        "forge_loading": False,
    }


def _told(ended: CTE) -> Update:
    view: list[Any] = ["queue_position", 0]
    for name in _CHANGED:
        view += [name, ended.c[name]]
    for name in _MOMENTS:
        view += [name, func.to_char(func.timezone("UTC", ended.c[name]), MOMENT)]
    merged = messages.c.extra_metadata.concat(func.jsonb_build_object(*view))
    values = {"extra_metadata": merged, "updated_at": func.clock_timestamp()}
    return update(messages).where(messages.c.id == ended.c.message_id).values(**values)


def _text_by_row() -> ColumnElement[str]:
    texts = {locale: error_text(ErrorCode.CANCELLED, locale) for locale in LOCALES}
    return case(texts, value=jobs.c.locale, else_=texts["en"])
