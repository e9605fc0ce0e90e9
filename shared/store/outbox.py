"""The outbox: callbacks that must be delivered at least once.

A row is written in the transaction that ends its job (shared.store.changing). Whoever delivers takes it on loan first:
`next_at` moves past the loan, so two who deliver do not send twice at once, and a row whose courier died is due again.

    due ──lend──▶ on loan ──delivered──▶ kept for a week, then forgotten
     ▲               ├──failed───────▶ due again later
     └──courier died─┘└──given up────▶ kept for a week, then forgotten
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, literal, or_, select, update

from shared.store.connected import Connected
from shared.store.tables import webhook_outbox as outbox


@dataclass(frozen=True, slots=True)
class Callback:
    """One callback on loan; `tries` counts the one that begins now."""

    id: int
    webhook_id: str
    job_id: str
    url: str
    payload: dict[str, Any]
    tries: int
    created_at: datetime


class Outbox(Connected):
    """Callbacks that wait for their delivery."""

    def lend_callbacks(
        self, *, limit: int, per_host: int, loan_s: float, passing_over: Collection[str] = (), only: str | None = None
    ) -> list[Callback]:
        """Take due callbacks on loan, in turn between hosts (`host[:port]`), passing over those that are busy.

        `only`: those to this host.
        """
        now = func.clock_timestamp()
        host = func.split_part(func.replace(outbox.c.url, "?", "/"), "/", 3)  # an address may have no path
        rank = func.row_number().over(partition_by=host, order_by=outbox.c.next_at).label("rank")
        asked = host.not_in(passing_over) if only is None else host == only
        due = _pending() & (outbox.c.next_at <= now) & asked
        ranked = select(outbox.c.id, outbox.c.next_at, rank).where(due).subquery()
        first = (
            select(ranked.c.id).where(ranked.c.rank <= per_host).order_by(ranked.c.rank, ranked.c.next_at).limit(limit)
        )
        taken = (
            update(outbox)
            .where(outbox.c.id.in_(first), _pending(), outbox.c.next_at <= now)
            .values(tries=outbox.c.tries + 1, next_at=now + literal(timedelta(seconds=loan_s)))
            .returning(*(outbox.c[name] for name in Callback.__slots__))
        )
        with self._begin() as connection:
            return [Callback(*row) for row in connection.execute(taken)]

    def callback_delivered(self, callback: Callback) -> None:
        """Record that the receiver took it."""
        self._settle(callback, {"delivered_at": func.clock_timestamp()})

    def callback_failed(self, callback: Callback, *, again_in_s: float) -> None:
        """Have it tried again after so long."""
        self._settle(callback, {"next_at": func.clock_timestamp() + literal(timedelta(seconds=again_in_s))})

    def callback_given_up(self, callback: Callback) -> None:
        """Record that it is not tried any more."""
        self._settle(callback, {"given_up_at": func.clock_timestamp()})

    def forget_callbacks(self, *, older_than_days: float) -> int:
        """Delete settled callbacks of that age; return how many."""
        since = func.clock_timestamp() - literal(timedelta(days=older_than_days))
        settled = or_(outbox.c.delivered_at < since, outbox.c.given_up_at < since)
        with self._begin() as connection:
            return int(connection.execute(delete(outbox).where(settled)).rowcount)

    def _settle(self, callback: Callback, values: dict[str, Any]) -> None:
        """Write how a loan ended, unless a later loan of the same row began meanwhile."""
        mine = (outbox.c.id == callback.id) & (outbox.c.tries == callback.tries) & _pending()
        with self._begin() as connection:
            connection.execute(update(outbox).where(mine).values(**values))


def _pending() -> ColumnElement[bool]:
    return outbox.c.delivered_at.is_(None) & outbox.c.given_up_at.is_(None)
