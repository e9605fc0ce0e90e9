"""One change of one job: compare-and-set, the message's metadata, the outbox, the event.

Every write of a job is `changed`: it raises `version` and takes a number in the sequence of
changes. `_change` then deep-merges the job into its message, puts the end of a job with a
callback into the outbox, and returns the `Change` to publish. The busiest do the same in one
statement: see `taking`, `leaving` and `attempt_writes`. Zero rows is a named outcome, None:
another process got there first.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, literal, select, text, tuple_, update
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.sql.elements import ColumnElement

from shared.domain.jobs import Job, Live, Status, client_view, done_content, stored_view
from shared.domain.metadata import deep_merge
from shared.store.connected import Connected, MaybeStored, StoreUnavailable, job_of
from shared.store.tables import jobs, messages, webhook_outbox

NEXT_CHANGE = text("nextval('job_changes')")


@dataclass(frozen=True, slots=True)
class Change:
    """A committed change of a job: the event to publish."""

    job: Job
    #: whether the job entered or left the waiting line
    moved_line: bool = False
    #: whether the job stands as it stood: what was asked was done before, or only its picture is gone
    same_status: bool = False


class Changing(Connected):
    """Writes that change a job and its message together."""

    def update_message(
        self,
        message_id: int,
        metadata: Mapping[str, Any] | None = None,
        *,
        content: str | None = None,
    ) -> None:
        """Deep-merge `metadata` into a message under its row lock; unnamed keys stay."""
        with self._begin() as connection:
            merge_message(connection, message_id, metadata or {}, content)

    def _entered_after_all(self, job_id: str, doubt: MaybeStored) -> Change:
        """Return the change that made a new job although its answer was lost; raise `doubt` if there is no such job.

        Asked once: while the database stays away the doubt stays too.
        """
        row = None
        with suppress(StoreUnavailable), self._single() as connection:
            row = connection.execute(select(jobs).where(jobs.c.job_id == job_id)).one_or_none()
        if row is None:
            raise doubt
        return Change(job_of(row), moved_line=True)

    def _change(
        self,
        connection: Connection,
        condition: ColumnElement[bool],
        values: Mapping[str, Any],
        *,
        moved_line: bool = False,
    ) -> Change | None:
        """Apply `values` to the one job that meets `condition`, or return None."""
        row = connection.execute(changed(condition, values)).one_or_none()
        if row is None:
            return None
        job = job_of(row)
        merge_message(connection, job.message_id, stored_view(job), _content(job))
        if "status" in values and job.terminal and job.callback_url:
            _put_in_outbox(connection, job)
        return Change(job, moved_line)


def changed(condition: ColumnElement[bool], values: Mapping[str, Any]) -> ReturningUpdate[Any]:
    """SQL: give the job that meets `condition` its `values`, a version and a number of change; return its row."""
    numbered = {"version": jobs.c.version + 1, "change_seq": NEXT_CHANGE, "updated_at": func.clock_timestamp()}
    return update(jobs).where(condition).values(**numbered, **values).returning(*jobs.c)


def _content(job: Job) -> str | None:
    return done_content(job.image_name) if job.status is Status.COMPLETE and job.image_name else None


def place_of(priority: int, ticket: int) -> ColumnElement[int]:
    """SQL: where a job that enters the line stands among those that wait, from 1."""
    line = jobs.alias()
    before = tuple_(line.c.priority, line.c.ticket) < tuple_(literal(priority), literal(ticket))
    ahead = select(func.count()).select_from(line).where(line.c.status == Status.QUEUED, before)
    return ahead.scalar_subquery() + 1


def merge_message(
    connection: Connection,
    message_id: int,
    metadata: Mapping[str, Any],
    content: str | None = None,
) -> None:
    """Read, deep-merge and write one message while its row is locked."""
    locked = select(messages.c.extra_metadata).where(messages.c.id == message_id).with_for_update()
    current = connection.execute(locked).scalar_one_or_none()
    if current is None:
        return
    values: dict[str, Any] = {
        "extra_metadata": deep_merge(current, metadata),
        "updated_at": func.clock_timestamp(),
    }
    if content is not None:
        values["content"] = content
    connection.execute(update(messages).where(messages.c.id == message_id).values(**values))


def _put_in_outbox(connection: Connection, job: Job) -> None:
    waiting = select(func.count()).where(jobs.c.status == Status.QUEUED)
    live = Live(server_time=job.updated_at, queue_total=connection.execute(waiting).scalar_one())
    connection.execute(
        insert(webhook_outbox).values(
            webhook_id=f"msg_{job.job_id}_{job.status.value}",
            job_id=job.job_id,
            url=job.callback_url,
            payload=client_view(job, live),
        )
    )
