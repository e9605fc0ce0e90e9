"""What is asked of the store about jobs and the line."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, func, literal, select, tuple_, union
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on

from shared.domain.identity import Identity, audience_of
from shared.domain.jobs import UNFINISHED, Job, Status
from shared.domain.line import Standing, in_turn
from shared.store.connected import Connected, job_of
from shared.store.tables import jobs, user_turns

#: a transaction that commits late is looked for among so many changes before the newest seen
LATE_CHANGES = 5000


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


class Changed(NamedTuple):
    """That a job changed: its number in the sequence of changes."""

    job_id: str
    change_seq: int


_MARK = (jobs.c.job_id, jobs.c.change_seq)


class Reading(Connected):
    """Reads; none of them changes anything."""

    def job(self, job_id: str) -> Job | None:
        """Return one job, whoever owns it."""
        found = self._jobs(select(jobs).where(jobs.c.job_id == job_id))
        return found[0] if found else None

    def jobs_by_id(self, job_ids: Sequence[str]) -> list[Job]:
        """Return those of the jobs that exist, the earliest change first."""
        return self._jobs(select(jobs).where(jobs.c.job_id.in_(job_ids)).order_by(jobs.c.change_seq))

    def jobs_of(self, members: Collection[str], job_ids: Sequence[str]) -> list[Job]:
        """Return those of the jobs that belong to any of the typed `members`, the earliest change first."""
        by_id = jobs.c.user_id == func.any(_names(members, "id:"))
        by_name = jobs.c.username == func.any(_names(members, "name:"))
        theirs = jobs.c.job_id.in_(job_ids) & (by_id | by_name)
        return self._jobs(select(jobs).where(theirs).order_by(jobs.c.change_seq))

    def job_for(self, job_id: str, identity: Identity) -> Job | None:
        """Return one job if `identity` may see it."""
        job = self.job(job_id)
        return job if job and (job.belongs_to(identity) or identity.is_admin) else None

    def unfinished_jobs(self, user_id: str, limit: int | None = None) -> list[Job]:
        """Return one user's unfinished jobs, or the first `limit` of them, oldest ticket first."""
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

    def changed_since(self, change_seq: int, limit: int = 2000) -> list[Changed]:
        """Return which jobs changed after `change_seq`, the earliest change first."""
        later = jobs.c.change_seq > change_seq
        return self._changed(select(*_MARK).where(later).order_by(jobs.c.change_seq).limit(limit))

    def changed_lately(self, change_seq: int, *, within_s: float, limit: int = 2000) -> list[Changed]:
        """Return which jobs changed at or shortly before `change_seq`, within `within_s` seconds, the latest first.

        Among them are those whose transaction took a lower number but committed later.
        """
        recent = jobs.c.updated_at > func.clock_timestamp() - literal(timedelta(seconds=within_s))
        near = jobs.c.change_seq.between(change_seq - LATE_CHANGES, change_seq)
        return self._changed(select(*_MARK).where(near & recent).order_by(jobs.c.change_seq.desc()).limit(limit))

    def _changed(self, query: Select[Any]) -> list[Changed]:
        with self._single() as connection:
            return [Changed(row.job_id, row.change_seq) for row in connection.execute(query)]

    def _jobs(self, query: Select[Any]) -> list[Job]:
        with self._single() as connection:
            return [job_of(row) for row in connection.execute(query)]


def _names(members: Collection[str], prefix: str) -> ColumnElement[Any]:
    """SQL: the names of the typed members of one kind, as an array."""
    return literal([member.removeprefix(prefix) for member in members if member.startswith(prefix)], ARRAY(Text))
