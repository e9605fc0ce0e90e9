"""A prompt becomes two messages and a job, in one statement (shared.store.entering).

Simultaneous submissions of one user take turns on an advisory lock where a cap or an
Idempotency-Key is at stake, so that both hold also when many arrive at once.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from psycopg2.errors import UniqueViolation
from sqlalchemy import Connection, extract, func, insert, select, text

from shared.domain.errors import IdempotencyConflict, NotFound, QueueFull, TooManyJobs
from shared.domain.jobs import PENDING_CONTENT, UNFINISHED, Job, Stage, Status, stored_view
from shared.store.changing import Change, Changing, merge_message, place_of
from shared.store.connected import MaybeStored, job_of
from shared.store.entering import LINE_LOCK, Checks, Outcome, draft_of, enter
from shared.store.room import Count, Room
from shared.store.tables import jobs, line_state

TITLE_CHARS = 80


class TicketTaken(Exception):
    """The ticket is in the store already: the counter was behind; take a higher one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What a submission asks to be stored; `params` under the request's own names."""

    user_id: str
    username: str | None
    prompt: str
    params: dict[str, Any]
    priority: int
    locale: str
    conversation_id: str | None = None
    callback_url: str | None = None
    idempotency_key: str | None = None
    body_hash: str | None = None
    job_id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How many may wait in all, and how many unfinished jobs one user may have (None: any)."""

    max_queue: int
    max_jobs_per_user: int | None = None


class Submissions(Changing):
    """Jobs that come into being."""

    def __init__(self, database_url: str, *, pool_size: int = 8) -> None:
        super().__init__(database_url, pool_size=pool_size)
        self._room = Room()

    def highest_ticket(self) -> int:
        """Return the highest ticket ever stored, 0 if none."""
        with self._single() as connection:
            return int(connection.execute(select(func.max(jobs.c.ticket))).scalar() or 0)

    def add_job(self, new: NewJob, *, ticket: int, caps: Caps, position: int | None = None) -> tuple[Change, bool]:
        """Store a submission under `ticket`; return its change and whether it is new.

        `position` is its place in the line as the index knows it, None: it is counted here. Raises NotFound
        (foreign conversation), QueueFull, TooManyJobs, IdempotencyConflict, TicketTaken, StoreUnavailable.
        """
        draft = draft_of(**_columns(new), ticket=ticket)
        counts_line = not self._room.surely(ticket, caps.max_queue)
        checks = Checks(new.idempotency_key is not None, counts_line, caps.max_jobs_per_user is not None)
        limits = {"max_queue": caps.max_queue, "max_mine": caps.max_jobs_per_user}
        try:
            found = enter(self._only_row, draft, {"title": _title(new), "position": position, **limits}, checks)
        except UniqueViolation as error:
            raise TicketTaken(ticket) from error
        except MaybeStored as doubt:
            return self._entered_after_all(new.job_id, doubt), True
        if found.waiting is not None:
            self._room.counted(Count(ticket, found.waiting))
        if found.job is not None:
            return Change(found.job, moved_line=True), True
        return Change(self._refused(new, found, caps)), False

    def job_by_key(self, user_id: str, key: str) -> Job | None:
        """Return the job that a user's Idempotency-Key made, None before."""
        same = (jobs.c.user_id == user_id) & (jobs.c.idempotency_key == key)
        with self._single() as connection:
            row = connection.execute(select(jobs).where(same)).one_or_none()
        return None if row is None else job_of(row)

    def _refused(self, new: NewJob, found: Outcome, caps: Caps) -> Job:
        """Return the job that was made under the same key; raise what else spoke against a submission."""
        if found.has_earlier and new.idempotency_key is not None:
            return self._earlier(new, new.idempotency_key)
        if found.waiting is not None and found.waiting >= caps.max_queue:
            raise QueueFull()
        if caps.max_jobs_per_user is not None and (found.mine or 0) >= caps.max_jobs_per_user:
            raise TooManyJobs(limit=caps.max_jobs_per_user)
        raise NotFound()

    def _earlier(self, new: NewJob, key: str) -> Job:
        job = self.job_by_key(new.user_id, key)
        if job is None:  # its conversation was deleted since
            raise NotFound()
        if job.body_hash != new.body_hash:
            raise IdempotencyConflict()
        return job


def insert_job(connection: Connection, values: dict[str, Any], conversation_id: str, ticket: int) -> Job:
    """Insert a queued job and merge it into its message, whose content becomes pending."""
    statement = (
        insert(jobs)
        .values(
            conversation_id=conversation_id,
            status=Status.QUEUED,
            stage=Stage.WAITING,
            ticket=ticket,
            queue_position=place_of(values["priority"], ticket),
            paused_s_before=select(paused_s_until_now()).scalar_subquery(),
            **values,
        )
        .returning(*jobs.c)
    )
    job = job_of(connection.execute(statement).one())
    merge_message(connection, job.message_id, stored_view(job), PENDING_CONTENT)
    return job


def paused_s_until_now() -> Any:
    """SQL: seconds the line has been paused in all, the current pause included."""
    running = extract("epoch", func.clock_timestamp() - line_state.c.paused_at)
    return line_state.c.paused_s + func.coalesce(running, 0)


def check_caps_of(connection: Connection, user_id: str, caps: Caps) -> None:
    """Lock the user's submissions and the line, and raise QueueFull or TooManyJobs past a cap."""
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:user_id, 0)), pg_advisory_xact_lock(:line)")
    connection.execute(lock, {"user_id": user_id, "line": LINE_LOCK})
    waiting = select(jobs.c.job_id).where(jobs.c.status == Status.QUEUED).limit(caps.max_queue)
    if connection.execute(select(func.count()).select_from(waiting.subquery())).scalar_one() >= caps.max_queue:
        raise QueueFull()
    if caps.max_jobs_per_user is None:
        return
    mine = select(func.count()).where(jobs.c.user_id == user_id, jobs.c.status.in_(UNFINISHED))
    if connection.execute(mine).scalar_one() >= caps.max_jobs_per_user:
        raise TooManyJobs(limit=caps.max_jobs_per_user)


def _title(new: NewJob) -> str | None:
    """Return the title of a new conversation, None where one is continued."""
    return " ".join(new.prompt.split())[:TITLE_CHARS] if new.conversation_id is None else None


def _columns(new: NewJob) -> dict[str, Any]:
    return {
        "job_id": new.job_id,
        "conversation_id": new.conversation_id or str(uuid4()),
        "user_id": new.user_id,
        "username": new.username,
        "prompt": new.prompt,
        "params": new.params,
        "priority": new.priority,
        "locale": new.locale,
        "callback_url": new.callback_url,
        "idempotency_key": new.idempotency_key,
        "body_hash": new.body_hash,
    }
