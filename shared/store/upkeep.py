"""What the clock asks beside rescues: expired and overdue jobs; old images.

Each method locks what it changes and passes over what another sweep holds, so two sweeps
at once are harmless. `sweep_lock` lets one of several run, the others skip.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import ColumnElement, func, literal, select, text

from shared.domain.errors import ErrorCode, error_text
from shared.domain.jobs import Job, Status
from shared.store.changing import Change
from shared.store.connected import job_of
from shared.store.endings import overdue
from shared.store.leaving import cancelled
from shared.store.rescues import Rescues
from shared.store.submissions import paused_s_until_now
from shared.store.tables import jobs, line_state

#: no other sweep runs meanwhile; whose process stands still for so long holds up the others no more
LONGEST_SWEEP_S = 600
#: PostgreSQL's time begins some five thousand years before ours
FOREVER_DAYS = 1e6


class Upkeep(Rescues):
    """Sweeps over many jobs."""

    @contextmanager
    def sweep_lock(self, name: str) -> Iterator[bool]:
        """Hold the advisory lock `name` while the block runs; False if another holds it."""
        query = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 1))")
        with self._begin() as connection:
            connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{LONGEST_SWEEP_S}s'"))
            yield bool(connection.execute(query, {"name": name}).scalar())

    def expire_waiting(self, ttl_s: float, limit: int = 500) -> list[Change]:
        """End jobs that waited longer than `ttl_s` in error; paused time does not count."""
        waited = func.date_part("epoch", func.clock_timestamp() - jobs.c.created_at)
        paused = select(paused_s_until_now()).select_from(line_state).scalar_subquery()
        old = (jobs.c.status == Status.QUEUED) & (waited - (paused - jobs.c.paused_s_before) > ttl_s)
        code = ErrorCode.EXPIRED
        with self._begin() as connection:
            locked = select(jobs).where(old).limit(limit).with_for_update(skip_locked=True)
            found = [job_of(row) for row in connection.execute(locked)]
            changes = [
                self._change(
                    connection,
                    (jobs.c.job_id == job.job_id) & (jobs.c.status == Status.QUEUED),
                    {
                        "status": Status.ERROR,
                        "stage": None,
                        "error_code": code.value,
                        "error": error_text(code, job.locale),
                        "retryable": True,
                        "finished_at": func.clock_timestamp(),
                    },
                    moved_line=True,
                )
                for job in found
            ]
        return [change for change in changes if change is not None]

    def finish_overdue_cancels(self, seconds: float) -> list[Change]:
        """End as cancelled what was asked to stop more than `seconds` ago and still runs."""
        with self._begin() as connection:
            locked = select(jobs).where(overdue(seconds)).with_for_update(skip_locked=True)
            found = [job_of(row) for row in connection.execute(locked)]
            changes = [
                self._change(
                    connection,
                    (jobs.c.job_id == job.job_id) & (jobs.c.attempt == job.attempt),
                    cancelled(job.locale),
                )
                for job in found
            ]
        return [change for change in changes if change is not None]

    def expired_images(self, older_than_days: float, limit: int = 500) -> list[Job]:
        """Return complete jobs whose image is older than that, oldest first."""
        since = func.clock_timestamp() - literal(timedelta(days=min(older_than_days, FOREVER_DAYS)))
        return self._with_image(jobs.c.finished_at < since, limit)

    def oldest_images(self, limit: int = 500) -> list[Job]:
        """Return complete jobs that still have an image, oldest first."""
        return self._with_image(jobs.c.finished_at.is_not(None), limit)

    def expire_image(self, job: Job) -> Change | None:
        """Mark a job's image as deleted by retention; its message keeps everything else."""
        kept = (jobs.c.job_id == job.job_id) & ~jobs.c.image_expired
        with self._begin() as connection:
            change = self._change(connection, kept, {"image_expired": True})
        return change and replace(change, same_status=True)

    def kept_images(self, names: Sequence[str]) -> set[str]:
        """Return those of `names` that a job still shows."""
        shown = jobs.c.image_name.in_(names) & ~jobs.c.image_expired
        with self._begin() as connection:
            return set(connection.execute(select(jobs.c.image_name).where(shown)).scalars())

    def _with_image(self, condition: ColumnElement[bool], limit: int) -> list[Job]:
        kept = (jobs.c.status == Status.COMPLETE) & ~jobs.c.image_expired & condition
        query = select(jobs).where(kept).order_by(jobs.c.finished_at).limit(limit)
        with self._begin() as connection:
            return [job_of(row) for row in connection.execute(query)]
