"""What operators ask of the store: how many jobs stand where, how long they wait, what the workers counted.

A GPU worker serves no HTTP. It keeps its own Prometheus counters and writes their text into its row with a heartbeat;
`/metrics` reads the rows of the live workers.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, literal, select, update

from shared.domain.jobs import Status
from shared.store.connected import Connected
from shared.store.patience import patiently
from shared.store.tables import jobs, webhook_outbox, workers


@dataclass(frozen=True, slots=True)
class Census:
    """How many jobs have each status, and how long (s) the first of the line has waited since its submission."""

    jobs: dict[str, int]
    oldest_waiting_s: float


@dataclass(frozen=True, slots=True)
class PendingCallbacks:
    """How many callbacks wait for their delivery, and the age (s) of the oldest."""

    count: int
    oldest_s: float


class Figures(Connected):
    """Counts; none of them changes a job."""

    def census(self) -> Census:
        """Return how many jobs stand where."""
        by_status = select(jobs.c.status, func.count()).group_by(jobs.c.status)
        oldest = select(_age_s(func.min(jobs.c.created_at))).where(jobs.c.status == Status.QUEUED)
        with patiently(), self._begin() as connection:
            counts = {status.value: 0 for status in Status}
            counts |= {row[0]: int(row[1]) for row in connection.execute(by_status)}
            return Census(counts, float(connection.execute(oldest).scalar() or 0.0))

    def pending_callbacks(self) -> PendingCallbacks:
        """Return what of the outbox still has to be delivered."""
        pending = webhook_outbox.c.delivered_at.is_(None) & webhook_outbox.c.given_up_at.is_(None)
        query = select(func.count(), _age_s(func.min(webhook_outbox.c.created_at))).where(pending)
        with self._begin() as connection:
            count, oldest_s = connection.execute(query).one()
        return PendingCallbacks(int(count), float(oldest_s or 0.0))

    def write_figures(self, worker: str, boot_id: str, text: str) -> None:
        """Keep the Prometheus text of a worker's own counters in its row."""
        mine = (workers.c.name == worker) & (workers.c.boot_id == boot_id)
        with self._begin() as connection:
            connection.execute(update(workers).where(mine).values(figures=text))

    def worker_figures(self, seen_within_s: float) -> dict[str, str]:
        """Return the Prometheus text of each live worker that wrote one, by the worker's name."""
        since = func.clock_timestamp() - literal(timedelta(seconds=seen_within_s))
        query = select(workers.c.name, workers.c.figures).where(workers.c.seen_at > since)
        with self._begin() as connection:
            return {row[0]: row[1] for row in connection.execute(query.where(workers.c.figures.is_not(None)))}

    def clock(self) -> datetime:
        """Return what the database's clock says (aware UTC)."""
        with self._begin() as connection:
            moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        return moment


def _age_s(moment: Any) -> Any:
    return func.date_part("epoch", func.clock_timestamp() - moment)
