"""Ends that come from outside the attempt: cancels, retries, deleted conversations.

A cancel of a waiting job ends it at once. A processing one is only marked: its worker
interrupts Forge and ends it, or the clock does when Forge does not stop in time.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, delete, func, literal, select
from sqlalchemy.exc import IntegrityError

from shared.domain.errors import JobFinished, NotFound, NotRetryable
from shared.domain.identity import Identity
from shared.domain.jobs import RETRYABLE, UNFINISHED, Job, Priority, Status
from shared.store.changing import Change
from shared.store.claims import Claims, held_by
from shared.store.connected import MaybeStored, job_of
from shared.store.leaving import cancelled, leave
from shared.store.patience import patiently
from shared.store.submissions import Caps, TicketTaken, check_caps_of, insert_job
from shared.store.tables import conversations, jobs, messages

_AGAIN = ("message_id", "user_id", "username", "prompt", "locale", "callback_url")


@dataclass(frozen=True, slots=True)
class Removed:
    """What a deleted conversation took with it: ended jobs to publish, images to delete."""

    changes: list[Change]
    image_names: list[str]


class Endings(Claims):
    """Jobs that people end or begin again."""

    def cancel_job(self, job_id: str, identity: Identity) -> Change:
        """Cancel a waiting job at once, or mark a processing one; idempotent.

        Raises NotFound (missing, or someone else's), JobFinished (complete or error).
        """
        left = leave(self._only_row, job_id, identity)
        return self._cancel_looked_at(job_id, identity) if left is None else Change(left, moved_line=True)

    def _cancel_looked_at(self, job_id: str, identity: Identity) -> Change:
        with self._begin() as connection:
            locked = select(jobs).where(jobs.c.job_id == job_id).with_for_update()
            job = _visible(connection.execute(locked).one_or_none(), identity)
            if job.status is Status.CANCELLED or (job.cancel_requested and not job.terminal):
                return Change(job, same_status=True)
            if job.terminal:
                raise JobFinished()
            change = self._cancel_locked(connection, job)
            return change or Change(job, same_status=True)

    def cancel_waiting(self, user_id: str) -> list[Change]:
        """Cancel every waiting job of one user; return what was cancelled."""
        with self._begin() as connection:
            mine = (
                select(jobs)
                .where(jobs.c.user_id == user_id, jobs.c.status == Status.QUEUED)
                .order_by(jobs.c.ticket)
                .with_for_update()
            )
            waiting = [job_of(row) for row in connection.execute(mine)]
            changes = [self._cancel_locked(connection, job) for job in waiting]
        return [change for change in changes if change is not None]

    def finish_cancel(self, job: Job) -> Change | None:
        """End this attempt as cancelled (its worker stopped Forge, or gave up waiting)."""
        with self._begin() as connection:
            return self._change(connection, held_by(job), cancelled(job.locale))

    def retry_job(self, job_id: str, identity: Identity, *, ticket: int, caps: Caps) -> Change:
        """Make a new job with `retry_of` on the same message.

        Raises NotFound, NotRetryable (not its message's newest, or not ended in error or cancelled),
        QueueFull, TooManyJobs, TicketTaken. Two at once: one wins, the other NotRetryable.
        """
        new_id = str(uuid4())
        try:
            return self._retry(job_id, new_id, identity, ticket, caps)
        except IntegrityError as error:
            raise TicketTaken(ticket) from error
        except MaybeStored as doubt:
            return self._entered_after_all(new_id, doubt)

    def _retry(self, job_id: str, new_id: str, identity: Identity, ticket: int, caps: Caps) -> Change:
        with self._begin() as connection:
            row = connection.execute(select(jobs).where(jobs.c.job_id == job_id)).one_or_none()
            old = _visible(row, identity)
            _lock_message(connection, old)
            if old.status not in RETRYABLE or _newest(connection, old.message_id) != job_id:
                raise NotRetryable()
            check_caps_of(connection, old.user_id, caps)
            values: dict[str, Any] = {name: getattr(old, name) for name in _AGAIN}
            # An admin's `front` was for that job alone.
            priority = Priority.HIGH if old.priority == Priority.HIGH else Priority.NORMAL
            values |= {"job_id": new_id, "retry_of": old.job_id, "params": old.params, "priority": priority}
            return Change(insert_job(connection, values, old.conversation_id, ticket), True)

    def move_to_front(self, job_id: str) -> Change:
        """Make a waiting job the first of the line; one that is worked is before it. Raises NotFound, JobFinished."""
        others = jobs.alias()
        smallest = select(func.min(others.c.priority)).where(
            others.c.status == Status.QUEUED, others.c.job_id != job_id
        )
        ahead = func.least(smallest.scalar_subquery(), Priority.HIGH) - 1
        behind = (jobs.c.job_id == job_id) & (jobs.c.status == Status.QUEUED) & (jobs.c.priority > ahead)
        with self._begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(0x46524F4E54)))
            change = self._change(connection, behind, {"priority": ahead, "queue_position": 1}, moved_line=True)
            if change is not None:
                return change
            row = connection.execute(select(jobs).where(jobs.c.job_id == job_id)).one_or_none()
        if row is None:
            raise NotFound()
        job = job_of(row)
        if job.terminal:
            raise JobFinished()
        return Change(job, same_status=True)

    def delete_conversation(self, conversation_id: str, identity: Identity) -> Removed:
        """End the conversation's jobs as cancelled, then delete it all. Raises NotFound."""
        with patiently(), self._begin() as connection:
            found = connection.execute(
                select(conversations.c.user_id).where(conversations.c.id == conversation_id).with_for_update()
            ).scalar_one_or_none()
            if found != identity.user_id:
                raise NotFound()
            every = (
                select(jobs).where(jobs.c.conversation_id == conversation_id).order_by(jobs.c.ticket).with_for_update()
            )
            all_jobs = [job_of(row) for row in connection.execute(every)]
            ended = [self._end_now(connection, job) for job in all_jobs if not job.terminal]
            connection.execute(delete(conversations).where(conversations.c.id == conversation_id))
        images = [job.image_name for job in all_jobs if job.image_name]
        return Removed([change for change in ended if change is not None], images)

    def _cancel_locked(self, connection: Connection, job: Job) -> Change | None:
        if job.status is Status.QUEUED:
            return self._end_now(connection, job)
        asked = {"cancel_requested": True, "cancel_requested_at": func.clock_timestamp()}
        return self._change(connection, held_by(job), asked)

    def _end_now(self, connection: Connection, job: Job) -> Change | None:
        unfinished = (jobs.c.job_id == job.job_id) & jobs.c.status.in_(UNFINISHED)
        was_waiting = job.status is Status.QUEUED
        return self._change(connection, unfinished, cancelled(job.locale), moved_line=was_waiting)


def overdue(seconds: float) -> ColumnElement[bool]:
    """SQL: a cancel was asked for more than `seconds` ago and the job still runs."""
    since = func.clock_timestamp() - literal(timedelta(seconds=seconds))
    return (jobs.c.status == Status.PROCESSING) & (jobs.c.cancel_requested_at < since)


def _visible(row: Any, identity: Identity) -> Job:
    job = None if row is None else job_of(row)
    if job is None or not (job.belongs_to(identity) or identity.is_admin):
        raise NotFound()
    return job


def _lock_message(connection: Connection, job: Job) -> None:
    """Lock a job's message, and keep its conversation from being deleted; raises NotFound when it was.

    In the order in which a deletion locks them: one that waits finds the job that is made meanwhile, and ends it.
    """
    thread = select(conversations.c.id).where(conversations.c.id == job.conversation_id)
    if connection.execute(thread.with_for_update(read=True, key_share=True)).one_or_none() is None:
        raise NotFound()
    connection.execute(select(messages.c.id).where(messages.c.id == job.message_id).with_for_update())


def _newest(connection: Connection, message_id: int) -> str | None:
    newest = select(jobs.c.job_id).where(jobs.c.message_id == message_id).order_by(jobs.c.ticket.desc()).limit(1)
    return connection.execute(newest).scalar_one_or_none()
