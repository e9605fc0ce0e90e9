"""A waiting job leaves the line in one statement: it is ended and its message told in one round trip.

    ended     the job, if it waits, may be ended by whoever asks, and owes nobody a callback
    told      its message: the keys of the job that its end changes, each a plain value

How such a statement is made is in `shared.store.one_statement`.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import Boolean, bindparam, case, func, or_
from sqlalchemy.sql.elements import ColumnElement

from shared.domain.errors import ErrorCode, error_text
from shared.domain.identity import Identity
from shared.domain.jobs import Job, Status
from shared.domain.texts import LOCALES
from shared.store.changing import changed
from shared.store.one_statement import Run, for_the_driver, job_if_changed, told
from shared.store.prepared import Prepared
from shared.store.tables import jobs

#: what the end of a waiting job changes of its `stored_view`: columns of the same name, moments among them
_CHANGED = ("status", "stage", "version", "error", "error_code", "retryable", "cancel_requested")
_MOMENTS = ("finished_at", "updated_at")


def leave(run: Run, job_id: str, identity: Identity) -> Job | None:
    """Cancel a waiting job of `identity` (an admin: anyone's); None: it must be looked at first."""
    asked = {"asked_for": job_id, "asking": identity.user_id, "everyone": identity.is_admin}
    return job_if_changed(run(_statement(), asked))


@lru_cache(maxsize=1)
def _statement() -> Prepared:
    theirs = or_(jobs.c.user_id == bindparam("asking"), bindparam("everyone", type_=Boolean))
    waits = (jobs.c.job_id == bindparam("asked_for")) & (jobs.c.status == Status.QUEUED)
    ended = changed(waits & theirs & jobs.c.callback_url.is_(None), cancelled(None)).cte("ended")
    whole = for_the_driver(ended, told(ended, _CHANGED, _MOMENTS).cte("told"))
    return Prepared.of(*whole, {"asked_for": "text", "asking": "text", "everyone": "boolean"})


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


def _text_by_row() -> ColumnElement[str]:
    texts = {locale: error_text(ErrorCode.CANCELLED, locale) for locale in LOCALES}
    return case(texts, value=jobs.c.locale, else_=texts["en"])
