"""The workers' registry, the leases on Forges, and whether the line is paused.

A lease on the Forge itself makes two workers on one Forge impossible, also while one
replaces the other. It records the generation known to be ours, so that the next worker
can tell a dead worker's ghost from someone else's picture.
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from shared.domain.fleet import CircuitState
from shared.store.connected import Connected
from shared.store.tables import forge_leases, line_state, workers
from shared.store.taking import Claimant


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    """What a worker tells about itself; `lists` holds samplers, schedulers, models."""

    name: str
    boot_id: str
    forge: str
    demo: bool = False
    problem: str | None = None
    circuit: str = CircuitState.CLOSED
    failures: int = 0
    retry_at: datetime | None = None
    job_id: str | None = None
    lists: dict[str, Any] | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ForgeLease:
    """The right to drive a Forge, and the generation last started under it."""

    task_id: str | None
    job_timestamp: str | None


@dataclass(frozen=True, slots=True)
class LineState:
    """Whether the line is paused, and the epoch of its index in Redis."""

    paused: bool
    paused_s: float
    epoch: str


class Fleet(Connected):
    """Workers, Forges and the line's switch."""

    def report_worker(self, state: WorkerState) -> None:
        """Write what a worker tells about itself, seen now; lists stay when None."""
        values = {
            "boot_id": state.boot_id,
            "forge": state.forge,
            "demo": state.demo,
            "problem": state.problem,
            "circuit": state.circuit,
            "failures": state.failures,
            "retry_at": state.retry_at,
            "job_id": state.job_id,
            "seen_at": func.clock_timestamp(),
        }
        if state.lists is not None:
            values["lists"] = state.lists
        statement = insert(workers).values(name=state.name, **values)
        upsert = statement.on_conflict_do_update(index_elements=["name"], set_=values)
        with self._begin() as connection:
            connection.execute(upsert)

    def forget_worker(self, name: str, boot_id: str) -> None:
        """Remove a worker that stopped, if no later boot of it reported."""
        mine = (workers.c.name == name) & (workers.c.boot_id == boot_id)
        with self._begin() as connection:
            connection.execute(delete(workers).where(mine))

    def live_workers(self, seen_within_s: float) -> list[WorkerState]:
        """Return the workers heard of in the last seconds, by name."""
        since = func.clock_timestamp() - literal(timedelta(seconds=seen_within_s))
        told = [workers.c[entry.name] for entry in fields(WorkerState)]
        query = select(*told).where(workers.c.seen_at > since).order_by(workers.c.name)
        with self._begin() as connection:
            return [WorkerState(**row._mapping) for row in connection.execute(query)]

    def hold_forge(self, claimant: Claimant, *, lease_s: float) -> ForgeLease | None:
        """Take or renew the lease on a Forge; None while another worker holds it."""
        now = func.clock_timestamp()
        until = now + literal(timedelta(seconds=lease_s))
        values = {"worker": claimant.worker, "boot_id": claimant.boot_id, "lease_until": until}
        free = or_(forge_leases.c.boot_id == claimant.boot_id, forge_leases.c.lease_until < now)
        upsert = (
            insert(forge_leases)
            .values(forge=claimant.forge, **values)
            .on_conflict_do_update(index_elements=["forge"], set_=values, where=free)
            .returning(forge_leases.c.task_id, forge_leases.c.job_timestamp)
        )
        with self._begin() as connection:
            row = connection.execute(upsert).one_or_none()
        return None if row is None else ForgeLease(*row)

    def note_generation(self, claimant: Claimant, *, task_id: str | None, job_timestamp: str | None) -> None:
        """Record the generation that is ours on this Forge (None: none any more)."""
        mine = (forge_leases.c.forge == claimant.forge) & (forge_leases.c.boot_id == claimant.boot_id)
        values = {"task_id": task_id, "job_timestamp": job_timestamp}
        with self._single() as connection:
            connection.execute(update(forge_leases).where(mine).values(**values))

    def release_forge(self, claimant: Claimant) -> None:
        """Give the lease up, so that another worker may drive this Forge at once."""
        mine = (forge_leases.c.forge == claimant.forge) & (forge_leases.c.boot_id == claimant.boot_id)
        gone = {"lease_until": func.clock_timestamp()}
        with self._begin() as connection:
            connection.execute(update(forge_leases).where(mine).values(**gone))

    def line_state(self) -> LineState:
        """Return whether the line is paused, and its epoch."""
        query = select(line_state.c.paused, line_state.c.paused_s, line_state.c.epoch)
        with self._begin() as connection:
            return LineState(*connection.execute(query).one())

    def set_epoch(self, epoch: str) -> None:
        """Record the epoch of the index that was just rebuilt."""
        with self._begin() as connection:
            connection.execute(update(line_state).values(epoch=epoch))

    def pause(self) -> bool:
        """Stop new claims; return whether that changed anything."""
        values = {"paused": True, "paused_at": func.clock_timestamp()}
        with self._begin() as connection:
            statement = update(line_state).where(~line_state.c.paused).values(**values)
            return connection.execute(statement).rowcount == 1

    def resume(self) -> bool:
        """Allow claims again; return whether that changed anything."""
        lasted = func.date_part("epoch", func.clock_timestamp() - line_state.c.paused_at)
        values = {
            "paused": False,
            "paused_at": None,
            "paused_s": line_state.c.paused_s + func.coalesce(lasted, 0),
        }
        with self._begin() as connection:
            statement = update(line_state).where(line_state.c.paused).values(**values)
            return connection.execute(statement).rowcount == 1
