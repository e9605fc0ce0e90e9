"""A prompt becomes two messages and a job, in one transaction.

Simultaneous submissions of one user take turns on an advisory lock, so that caps and
Idempotency-Keys hold also when many arrive at once.
"""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, extract, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from shared.domain.errors import IdempotencyConflict, NotFound, QueueFull, TooManyJobs
from shared.domain.jobs import PENDING_CONTENT, UNFINISHED, Job, Stage, Status, stored_view
from shared.store.changing import Change, Changing, merge_message
from shared.store.connected import job_of
from shared.store.tables import conversations, jobs, line_state, messages

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How many may wait in all, and how many unfinished jobs one user may have (None: any)."""

    max_queue: int
    max_jobs_per_user: int | None = None


class Submissions(Changing):
    """Jobs that come into being."""

    def highest_ticket(self) -> int:
        """Return the highest ticket ever stored, 0 if none."""
        with self._begin() as connection:
            return int(connection.execute(select(func.max(jobs.c.ticket))).scalar() or 0)

    def find_submission(self, new: NewJob) -> Job | None:
        """Return the job an Idempotency-Key already made; raise IdempotencyConflict."""
        with self._begin() as connection:
            return _same_key(connection, new)

    def add_job(self, new: NewJob, *, ticket: int, caps: Caps) -> tuple[Change, bool]:
        """Store a submission under `ticket`; return its change and whether it is new.

        Raises NotFound (foreign conversation), QueueFull, TooManyJobs, IdempotencyConflict,
        TicketTaken, StoreUnavailable.
        """
        try:
            with self._begin() as connection:
                _lock_user(connection, new.user_id)
                earlier = _same_key(connection, new)
                if earlier is not None:
                    return Change(earlier), False
                _check_caps(connection, new.user_id, caps)
                conversation_id = _conversation(connection, new)
                message_id = _two_messages(connection, conversation_id, new.prompt)
                values = {**_columns(new), "message_id": message_id}
                job = insert_job(connection, values, conversation_id, ticket)
                return Change(job, moved_line=True), True
        except IntegrityError as error:
            raise TicketTaken(ticket) from error


def insert_job(connection: Connection, values: dict[str, Any], conversation_id: str, ticket: int) -> Job:
    """Insert a queued job and merge it into its message, whose content becomes pending."""
    priority = values["priority"]
    ahead = select(func.count()).where(jobs.c.status == Status.QUEUED, jobs.c.priority <= priority).scalar_subquery()
    statement = (
        insert(jobs)
        .values(
            job_id=str(uuid4()),
            conversation_id=conversation_id,
            status=Status.QUEUED,
            stage=Stage.WAITING,
            ticket=ticket,
            queue_position=ahead + 1,
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
    """Lock the user's submissions and raise QueueFull or TooManyJobs past a cap."""
    _lock_user(connection, user_id)
    _check_caps(connection, user_id, caps)


def _lock_user(connection: Connection, user_id: str) -> None:
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:user_id, 0))")
    connection.execute(lock, {"user_id": user_id})


def _same_key(connection: Connection, new: NewJob) -> Job | None:
    if new.idempotency_key is None:
        return None
    row = connection.execute(
        select(jobs).where(jobs.c.user_id == new.user_id, jobs.c.idempotency_key == new.idempotency_key)
    ).one_or_none()
    if row is None:
        return None
    job = job_of(row)
    if job.body_hash != new.body_hash:
        raise IdempotencyConflict()
    return job


def _check_caps(connection: Connection, user_id: str, caps: Caps) -> None:
    waiting = select(func.count()).where(jobs.c.status == Status.QUEUED)
    if connection.execute(waiting).scalar_one() >= caps.max_queue:
        raise QueueFull()
    if caps.max_jobs_per_user is None:
        return
    mine = select(func.count()).where(jobs.c.user_id == user_id, jobs.c.status.in_(UNFINISHED))
    if connection.execute(mine).scalar_one() >= caps.max_jobs_per_user:
        raise TooManyJobs(limit=caps.max_jobs_per_user)


def _conversation(connection: Connection, new: NewJob) -> str:
    if new.conversation_id is None:
        conversation_id = str(uuid4())
        title = " ".join(new.prompt.split())[:TITLE_CHARS]
        connection.execute(insert(conversations).values(id=conversation_id, user_id=new.user_id, title=title))
        return conversation_id
    mine = (
        update(conversations)
        .where(conversations.c.id == new.conversation_id, conversations.c.user_id == new.user_id)
        .values(updated_at=func.clock_timestamp())
        .returning(conversations.c.id)
    )
    found = connection.execute(mine).scalar_one_or_none()
    if found is None:
        raise NotFound()
    return str(found)


def _two_messages(connection: Connection, conversation_id: str, prompt: str) -> int:
    """Insert the user's and the bot's message, in this order; return the bot's id."""
    for role, content in (("user", prompt), ("bot", PENDING_CONTENT)):
        statement = (
            insert(messages)
            .values(conversation_id=conversation_id, role=role, content=content)
            .returning(messages.c.id)
        )
        message_id = connection.execute(statement).scalar_one()
    return int(message_id)


def _columns(new: NewJob) -> dict[str, Any]:
    return {
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
