"""The claim: a worker takes the first job of the line, and what it may write after.

The claim takes the first of (priority, ticket), so the position shown is the order run.
Every later write names the attempt: a worker that lost its lease writes nothing.
"""

from dataclasses import astuple, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal, select, update

from shared.domain.errors import ErrorCode, error_text
from shared.domain.jobs import Job, Stage, Status
from shared.store import turns
from shared.store.attempt_writes import completed, ended, held, write_complete, write_progress
from shared.store.changing import Change, Changing, place_of
from shared.store.tables import jobs
from shared.store.taking import Claimant, driven_by_another, first_of_line, note_first_try, take, taken


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a heartbeat learned: the lease holds, and whether a cancel was asked for."""

    cancel_requested: bool


class Claims(Changing):
    """Jobs that are being worked."""

    def claim(self, claimant: Claimant, *, lease_s: float, fair: bool = False) -> Change | None:
        """Take the first waiting job for its first try.

        None: nothing waits, the line is paused, or another drives our Forge. `fair`: the first is that of the least
        recently served user (see `turns`).
        """
        if fair:
            return self._claim_in_turn(claimant, lease_s)
        job = take(self._only_row, claimant, lease_s)
        return None if job is None else Change(job, moved_line=True)

    def _claim_in_turn(self, claimant: Claimant, lease_s: float) -> Change | None:
        (worker, boot_id, forge), until = astuple(claimant), _from_now(lease_s)
        with self._begin() as connection:
            waits = (jobs.c.job_id == turns.first_in_turn(connection)) & (jobs.c.status == Status.QUEUED)
            may = waits & ~driven_by_another(forge, boot_id)
            change = self._change(connection, may, taken(worker, boot_id, forge, until), moved_line=True)
            if change is not None:
                connection.execute(note_first_try(forge, boot_id, change.job.task_id, until))
                turns.take_turn(connection, change.job)
            return change

    def work_waits(self) -> bool:
        """Whether a claim would find a job: one waits, and the line is not paused."""
        with self._single() as connection:
            return connection.execute(first_of_line()).scalar() is not None

    def renew_lease(self, job: Job, *, lease_s: float) -> Renewal | None:
        """Extend the lease of this attempt; None when the job is no longer ours."""
        statement = (
            update(jobs).where(held_by(job)).values(lease_until=_from_now(lease_s)).returning(jobs.c.cancel_requested)
        )
        with self._single() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else Renewal(bool(row.cancel_requested))

    def look(self, job: Job) -> Renewal | None:
        """Return whether a cancel was asked for; None when the job is no longer ours."""
        query = select(jobs.c.cancel_requested).where(held_by(job))
        with self._single() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Renewal(bool(row.cancel_requested))

    def begin_try(self, job: Job, task_id: str) -> Change | None:
        """Record the task id of another try (a sign of life); the stage is loading again."""
        values = {"task_id": task_id, "stage": Stage.LOADING, "alive_at": func.clock_timestamp()}
        return self._write(job, {**values, "forge_loading": False})

    def note_alive(self, job: Job, *, forge_loading: bool) -> bool:
        """Record a sign of life without a new version; False when the job is not ours."""
        statement = (
            update(jobs).where(held_by(job)).values(alive_at=func.clock_timestamp(), forge_loading=forge_loading)
        )
        with self._single() as connection:
            return connection.execute(statement).rowcount == 1

    def save_progress(self, job: Job, *, progress: int, stage: Stage) -> Change | None:
        """Persist progress (0-99, never lower than stored) and stage of this attempt."""
        written = write_progress(self._only_row, job, progress=progress, stage=stage)
        return None if written is None else Change(written)

    def complete(self, job: Job, *, image_name: str, params: dict[str, Any]) -> Change | None:
        """End this attempt with its stored image and the effective parameters."""
        if job.callback_url is not None:
            return self._write(job, completed(image_name, params))
        written = write_complete(self._only_row, job, image_name=image_name, params=params)
        return None if written is None else Change(written)

    def fail(self, job: Job, code: ErrorCode, *, retryable: bool, **text_params: object) -> Change | None:
        """End this attempt in error, with the text in the job's language; None also when a cancel was asked for."""
        with self._begin() as connection:
            return self._change(connection, unasked(job), failed(job, code, retryable=retryable, **text_params))

    def put_back(self, job: Job, *, deaths: int = 0, bad_rounds: int = 0, forge_deaths: int = 0) -> Change | None:
        """Return this attempt's job to its old place; the counters are raised by what is given."""
        with self._begin() as connection:
            return self._put_back(connection, job, deaths=deaths, bad_rounds=bad_rounds, forge_deaths=forge_deaths)

    def _put_back(self, connection: Connection, job: Job, **raised: int) -> Change | None:
        counters = {name: jobs.c[name] + by for name, by in raised.items()}
        change = self._change(connection, unasked(job), {**_waiting_again(job), **counters}, moved_line=True)
        if change is not None:
            turns.give_turn_back(connection, job)
        return change

    def _write(self, job: Job, values: dict[str, Any]) -> Change | None:
        with self._begin() as connection:
            return self._change(connection, held_by(job), values)


def held_by(job: Job) -> ColumnElement[bool]:
    """SQL: the row is still this attempt's."""
    return held(job.job_id, job.attempt)


def unasked(job: Job) -> ColumnElement[bool]:
    """SQL: the row is still this attempt's, and nobody asked for its cancel: such a job ends as cancelled alone."""
    return held_by(job) & ~jobs.c.cancel_requested


def failed(job: Job, code: ErrorCode, *, retryable: bool, **text_params: object) -> dict[str, Any]:
    """Return the columns of a processing job that ends in error, with the text in its language."""
    return {
        "status": Status.ERROR,
        "error_code": code.value,
        "error": error_text(code, job.locale, **text_params),
        "retryable": retryable,
        **ended(),
    }


def _waiting_again(job: Job) -> dict[str, Any]:
    return {
        "status": Status.QUEUED,
        "stage": Stage.WAITING,
        "progress": 0,
        "queue_position": place_of(job.priority, job.ticket),
        "worker": None,
        "lease_until": None,
        "forge_loading": False,
    }


def _from_now(seconds: float) -> ColumnElement[Any]:
    return func.clock_timestamp() + literal(timedelta(seconds=seconds))
