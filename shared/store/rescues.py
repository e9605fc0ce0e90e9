"""Jobs whose worker died, and jobs that show no sign of life.

A worker is dead to us when its lease ran out by the database's clock, or when its node says
so: who starts on a node ends the leases of processes that are gone. Each job is looked at
and changed under its row lock, so a lease renewed meanwhile holds, and two sweeps at once
are harmless.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, exists, false, func, literal, or_, select, union, update

from shared.domain.decisions import Decision, Outcome, rescue_decision
from shared.domain.errors import TEMPORARY, ErrorCode
from shared.domain.jobs import Job, Stage, Status
from shared.store.changing import Change
from shared.store.claims import failed, held_by, unasked
from shared.store.connected import job_of
from shared.store.endings import Endings
from shared.store.leaving import cancelled
from shared.store.tables import forge_leases, jobs

#: when the database comes back the living have so many heartbeats to renew their leases
SETTLE_HEARTBEATS = 2


@dataclass(frozen=True, slots=True)
class Rescued:
    """What became of a job whose worker died."""

    decision: Decision
    change: Change


class Rescues(Endings):
    """Jobs that nobody works any more."""

    def rescue_orphans(self, *, max_attempts: int, heartbeat_s: float, dead: Collection[str] = ()) -> list[Rescued]:
        """Put back, fail or cancel every processing job whose lease ran out, by ticket, as `rescue_decision` says.

        A database that came back less than two heartbeats ago gives the living time to renew. It may have recovered
        for long after its start, so that whom it refused knows better than its clock: the time begins when it answers
        again. Boots that are `dead` for certain need none.

        A process may have held two: one whose picture it was saving, and the next that Forge was drawing. It died of
        the first, if of either, so the next is not to blame.
        """
        orphaned = self._orphaned(SETTLE_HEARTBEATS * heartbeat_s, dead)
        boot = jobs.alias()
        beside = exists().where(
            boot.c.boot_id == jobs.c.boot_id,
            boot.c.job_id != jobs.c.job_id,
            boot.c.status == Status.PROCESSING,
            boot.c.stage == Stage.SAVING,
        )
        blameless = beside & (jobs.c.stage != Stage.SAVING)
        gone = select(jobs.c.job_id, blameless).where(orphaned).order_by(jobs.c.ticket)
        with self._begin() as connection:
            found = [(str(job_id), bool(innocent)) for job_id, innocent in connection.execute(gone)]
        rescued = [
            self._rescue(job_id, orphaned, max_attempts=max_attempts, blameless=innocent) for job_id, innocent in found
        ]
        return [one for one in rescued if one is not None]

    def boots_of(self, worker: str) -> set[str]:
        """Return the boots of a worker that hold a job or a Forge."""
        at_work = select(jobs.c.boot_id).where(jobs.c.status == Status.PROCESSING, jobs.c.worker == worker)
        driving = select(forge_leases.c.boot_id).where(
            forge_leases.c.worker == worker, forge_leases.c.lease_until > func.clock_timestamp()
        )
        with self._begin() as connection:
            return set(connection.execute(union(at_work, driving)).scalars())

    def expire_leases(self, boots: Collection[str]) -> int:
        """End at once every lease of boots whose processes are dead; return how many jobs they left."""
        over = {"lease_until": func.clock_timestamp() - timedelta(seconds=1)}
        left = (jobs.c.status == Status.PROCESSING) & jobs.c.boot_id.in_(boots)
        with self._begin() as connection:
            connection.execute(update(forge_leases).where(forge_leases.c.boot_id.in_(boots)).values(**over))
            return int(connection.execute(update(jobs).where(left).values(**over)).rowcount)

    def jobs_of_boot(self, boot_id: str) -> list[Job]:
        """Return the processing jobs of one boot."""
        query = select(jobs).where(jobs.c.status == Status.PROCESSING, jobs.c.boot_id == boot_id)
        with self._begin() as connection:
            return [job_of(row) for row in connection.execute(query)]

    def silent_jobs(self, seconds: float) -> list[tuple[Job, float]]:
        """Return processing jobs without a sign of life for `seconds`, with that time."""
        silence = func.date_part("epoch", func.clock_timestamp() - jobs.c.alive_at)
        query = (
            select(silence, *jobs.c)
            .where(jobs.c.status == Status.PROCESSING, silence >= seconds)
            .order_by(jobs.c.ticket)
        )
        with self._begin() as connection:
            rows = connection.execute(query).all()
        return [(job_of(row, skip=1), float(row[0])) for row in rows]

    def fail_silent(self, job: Job) -> Change | None:
        """End a stuck job in error; None when it showed life since it was found, or is being cancelled."""
        still = unasked(job) & (jobs.c.alive_at == job.alive_at)
        with self._begin() as connection:
            return self._change(connection, still, failed(job, ErrorCode.STUCK, retryable=True))

    def _rescue(
        self, job_id: str, orphaned: ColumnElement[bool], *, max_attempts: int, blameless: bool
    ) -> Rescued | None:
        mine = select(jobs).where(jobs.c.job_id == job_id, orphaned).with_for_update(skip_locked=True)
        with self._begin() as connection:
            row = connection.execute(mine).one_or_none()
            if row is None:
                return None
            job = job_of(row)
            decision = rescue_decision(
                deaths=job.deaths,
                max_attempts=max_attempts,
                cancel_requested=job.cancel_requested,
                blameless=blameless,
            )
            change = self._carry_out(connection, job, decision)
        return None if change is None else Rescued(decision, change)

    def _carry_out(self, connection: Connection, job: Job, decision: Decision) -> Change | None:
        if decision.outcome is Outcome.PUT_BACK:
            return self._put_back(connection, job, deaths=decision.deaths)
        if decision.outcome is Outcome.CANCEL:
            return self._change(connection, held_by(job), cancelled(job.locale))
        code = decision.code or ErrorCode.INTERNAL
        values = failed(job, code, retryable=code in TEMPORARY, **decision.text_params)
        return self._change(connection, held_by(job), {**values, "deaths": jobs.c.deaths + decision.deaths})

    def _orphaned(self, settle_s: float, dead: Collection[str]) -> ColumnElement[bool]:
        """SQL: a worker's lease ran out, and it had the time to renew it, or is dead."""
        now = func.clock_timestamp()
        over = or_(jobs.c.lease_until < now, jobs.c.lease_until.is_(None))
        back = func.pg_postmaster_start_time() < now - literal(timedelta(seconds=settle_s))
        settled = false() if self.back_within(settle_s) else back
        return (jobs.c.status == Status.PROCESSING) & over & or_(settled, jobs.c.boot_id.in_(dead))
