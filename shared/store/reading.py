"""What is asked of the store: jobs, the line, conversations, messages."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, func, literal, select, tuple_, union
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on

from shared.domain.identity import Identity, audience_of
from shared.domain.jobs import UNFINISHED, Job, Status
from shared.domain.line import Standing, in_turn
from shared.store.connected import Connected, job_of
from shared.store.tables import conversations, jobs, messages, user_turns


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as its row says."""

    id: int
    conversation_id: str
    role: str
    content: str
    extra_metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation, as its row says."""

    id: str
    user_id: str
    title: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """One waiting job, as the estimate needs it."""

    job_id: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Owned:
    """One waiting job, and whose it is."""

    job_id: str
    user_id: str
    username: str | None

    @property
    def audience(self) -> frozenset[str]:
        """The typed identity members of its owner."""
        return audience_of(self.user_id, self.username)


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a finished job took; model loading is apart."""

    params: dict[str, Any]
    run_s: float
    load_s: float


class Reading(Connected):
    """Reads; none of them changes anything."""

    def job(self, job_id: str) -> Job | None:
        """Return one job, whoever owns it."""
        found = self._jobs(select(jobs).where(jobs.c.job_id == job_id))
        return found[0] if found else None

    def jobs_by_id(self, job_ids: Sequence[str]) -> list[Job]:
        """Return those of the jobs that exist, in no order."""
        return self._jobs(select(jobs).where(jobs.c.job_id.in_(job_ids)))

    def job_for(self, job_id: str, identity: Identity) -> Job | None:
        """Return one job if `identity` may see it."""
        job = self.job(job_id)
        return job if job and (job.belongs_to(identity) or identity.is_admin) else None

    def unfinished_jobs(self, user_id: str, limit: int = 200) -> list[Job]:
        """Return one user's unfinished jobs, oldest ticket first."""
        mine = (jobs.c.user_id == user_id) & jobs.c.status.in_(UNFINISHED)
        return self._jobs(select(jobs).where(mine).order_by(jobs.c.ticket).limit(limit))

    def finished_since(self, user_id: str, seconds: float, limit: int = 200) -> list[Job]:
        """Return one user's jobs that ended in the last `seconds`, newest first."""
        since = func.clock_timestamp() - literal(timedelta(seconds=seconds))
        ended = (jobs.c.user_id == user_id) & (jobs.c.finished_at > since)
        newest = jobs.c.finished_at.desc()
        return self._jobs(select(jobs).where(ended).order_by(newest).limit(limit))

    def jobs_page(self, *, user_id: str | None, status: str | None, before: int | None, limit: int) -> list[Job]:
        """Return jobs newest ticket first, those of `user_id` (None: everyone's)."""
        query = select(jobs).order_by(jobs.c.ticket.desc()).limit(limit)
        conditions: list[ColumnElement[bool]] = []
        if user_id is not None:
            conditions.append(jobs.c.user_id == user_id)
        if status is not None:
            conditions.append(jobs.c.status == status)
        if before is not None:
            conditions.append(jobs.c.ticket < before)
        return self._jobs(query.where(*conditions))

    def newest_jobs(self, message_ids: Sequence[int]) -> dict[int, Job]:
        """Return the newest job of each message."""
        newest = (
            select(jobs)
            .where(jobs.c.message_id.in_(message_ids))
            .ext(distinct_on(jobs.c.message_id))
            .order_by(jobs.c.message_id, jobs.c.ticket.desc())
        )
        return {job.message_id: job for job in self._jobs(newest)}

    def image_owner(self, name: str) -> Job | None:
        """Return the job that stored the image `name`."""
        found = self._jobs(select(jobs).where(jobs.c.image_name == name))
        return found[0] if found else None

    def counts(self) -> tuple[int, int]:
        """Return how many jobs wait and how many are processed."""
        query = select(jobs.c.status, func.count()).where(jobs.c.status.in_(UNFINISHED)).group_by(jobs.c.status)
        with self._single() as connection:
            found = {row[0]: row[1] for row in connection.execute(query)}
        return found.get(Status.QUEUED, 0), found.get(Status.PROCESSING, 0)

    def processing_count(self) -> int:
        """Return how many jobs are being worked now."""
        query = select(func.count()).where(jobs.c.status == Status.PROCESSING)
        with self._single() as connection:
            return int(connection.execute(query).scalar_one())

    def position(self, job: Job) -> int:
        """Count a waiting job's place, from 1; 0 when it does not wait."""
        if job.status is not Status.QUEUED:
            return 0
        place = tuple_(jobs.c.priority, jobs.c.ticket)
        ahead = select(func.count()).where(jobs.c.status == Status.QUEUED, place < tuple_(job.priority, job.ticket))
        with self._single() as connection:
            return int(connection.execute(ahead).scalar_one()) + 1

    def waiting_scores(self, most: int | None = None) -> list[tuple[str, int, int]]:
        """Return the line, or the first `most` of it, in order as (job_id, priority, ticket)."""
        query = (
            select(jobs.c.job_id, jobs.c.priority, jobs.c.ticket)
            .where(jobs.c.status == Status.QUEUED)
            .order_by(jobs.c.priority, jobs.c.ticket)
            .limit(most)
        )
        with self._single() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(query)]

    def fair_line(self) -> list[str]:
        """Return the whole line in the order in which users served in turn are served."""
        standings = select(jobs.c.priority, jobs.c.ticket, jobs.c.job_id, jobs.c.user_id).where(
            jobs.c.status == Status.QUEUED
        )
        with self._single() as connection:
            waiting = [Standing(*row) for row in connection.execute(standings)]
            turns = {row[0]: row[1] for row in connection.execute(select(user_turns))}
        return in_turn(waiting, turns)

    def waiting(self, job_ids: Sequence[str]) -> list[Waiting]:
        """Return what the estimate needs of these jobs, in no order."""
        query = select(jobs.c.job_id, jobs.c.params).where(jobs.c.job_id.in_(job_ids))
        with self._single() as connection:
            return [Waiting(*row) for row in connection.execute(query)]

    def waiting_of(self, members: Collection[str]) -> list[Owned]:
        """Return the waiting jobs that belong to any of the typed `members`, in no order."""
        told = select(jobs.c.job_id, jobs.c.user_id, jobs.c.username).where(jobs.c.status == Status.QUEUED)
        by_id = told.where(jobs.c.user_id == func.any(_names(members, "id:")))
        by_name = told.where(jobs.c.username == func.any(_names(members, "name:")))
        with self._single() as connection:
            return [Owned(*row) for row in connection.execute(union(by_id, by_name))]

    def processing(self) -> list[Job]:
        """Return the jobs that are being worked now."""
        return self._jobs(select(jobs).where(jobs.c.status == Status.PROCESSING))

    def durations(self, limit: int = 200) -> list[Duration]:
        """Return the newest completed jobs' durations, newest first."""
        query = (
            select(jobs.c.params, jobs.c.run_s, jobs.c.load_s)
            .where(jobs.c.status == Status.COMPLETE, jobs.c.run_s.is_not(None))
            .order_by(jobs.c.finished_at.desc())
            .limit(limit)
        )
        with self._single() as connection:
            return [Duration(row[0], row[1], row[2] or 0.0) for row in connection.execute(query)]

    def latest_change(self) -> int:
        """Return the newest number of the sequence of changes."""
        with self._single() as connection:
            return int(connection.execute(select(func.max(jobs.c.change_seq))).scalar() or 0)

    def changed_since(self, change_seq: int, *, overlap_s: float, limit: int = 2000) -> list[Job]:
        """Return jobs changed after `change_seq`, and those of the last `overlap_s` seconds.

        The overlap covers transactions that took a lower number but committed later.
        """
        recent = func.clock_timestamp() - literal(timedelta(seconds=overlap_s))
        newer = (jobs.c.change_seq > change_seq) & (jobs.c.updated_at > recent)
        later = jobs.c.change_seq > change_seq
        query = select(jobs).where(later | newer).order_by(jobs.c.change_seq).limit(limit)
        return self._jobs(query)

    def conversations_page(
        self, user_id: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> list[Conversation]:
        """Return one user's conversations, the most recently used first."""
        mine = conversations.c.user_id == user_id
        key = tuple_(conversations.c.updated_at, conversations.c.id)
        query = select(conversations).where(mine)
        if before is not None:
            query = query.where(key < tuple_(*before))
        query = query.order_by(conversations.c.updated_at.desc(), conversations.c.id.desc())
        with self._single() as connection:
            return [Conversation(*row) for row in connection.execute(query.limit(limit))]

    def owns_conversation(self, conversation_id: str, user_id: str) -> bool:
        """Whether the conversation exists and is this user's."""
        query = select(conversations.c.id).where(
            conversations.c.id == conversation_id, conversations.c.user_id == user_id
        )
        with self._single() as connection:
            return connection.execute(query).one_or_none() is not None

    def messages_page(self, conversation_id: str, *, before: int | None, limit: int) -> list[Message]:
        """Return the last `limit` messages before message id `before`, oldest first."""
        query = select(messages).where(messages.c.conversation_id == conversation_id)
        if before is not None:
            query = query.where(messages.c.id < before)
        query = query.order_by(messages.c.id.desc()).limit(limit)
        with self._single() as connection:
            rows = [Message(*row) for row in connection.execute(query)]
        return rows[::-1]

    def _jobs(self, query: Select[Any]) -> list[Job]:
        with self._single() as connection:
            return [job_of(row) for row in connection.execute(query)]


def _names(members: Collection[str], prefix: str) -> ColumnElement[Any]:
    """SQL: the names of the typed members of one kind, as an array."""
    return literal([member.removeprefix(prefix) for member in members if member.startswith(prefix)], ARRAY(Text))
