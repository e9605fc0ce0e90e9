"""A waiting job is claimed in one statement, for the GPU waits for it.

    claimed   the first of the line, unless the line is paused or another drives our Forge
    told      its message: the keys of the job that a claim changes, each a plain value
    noted     on the lease of the Forge, held anew, whose generation comes: who finds it running must know it for ours

How such a statement is made is in `shared.store.one_statement`.
"""

from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Interval,
    Select,
    String,
    Update,
    bindparam,
    cast,
    exists,
    func,
    select,
    update,
)

from shared.domain.jobs import Job, Stage, Status
from shared.store.changing import changed
from shared.store.one_statement import Run, for_the_driver, job_if_changed, told
from shared.store.prepared import Prepared
from shared.store.tables import forge_leases, jobs
from shared.store.turns import paused

#: what a claim changes of a job's `stored_view`: columns of the same name, moments among them
_CHANGED = ("status", "stage", "progress", "attempt", "version")
_MOMENTS = ("started_at", "updated_at")

#: a value, or the SQL of one
Text = str | ColumnElement[str]


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who claims: the worker's node name, the id of its boot, and the Forge it drives."""

    worker: str
    boot_id: str
    forge: str


def take(run: Run, claimant: Claimant, lease_s: float) -> Job | None:
    """Claim the first of the line; None: nothing waits, the line is paused, or another drives our Forge."""
    return job_if_changed(run(_statement(), asdict(claimant) | {"lease": timedelta(seconds=lease_s)}))


@lru_cache(maxsize=1)
def _statement() -> Prepared:
    worker, boot_id, forge = (bindparam(name, type_=String) for name in ("worker", "boot_id", "forge"))
    waits = jobs.c.job_id == first_of_line().with_for_update(skip_locked=True).scalar_subquery()
    until = func.clock_timestamp() + bindparam("lease", type_=Interval)
    values = taken(worker, boot_id, forge, until)
    may = waits & (jobs.c.status == Status.QUEUED) & ~driven_by_another(forge, boot_id)
    claimed = changed(may, values).cte("claimed")
    noted = note_first_try(forge, boot_id, claimed.c.task_id, until).where(claimed.c.task_id.is_not(None))
    whole = for_the_driver(claimed, told(claimed, _CHANGED, _MOMENTS).cte("told"), noted.cte("noted"))
    return Prepared.of(*whole, {"worker": "text", "boot_id": "text", "forge": "text", "lease": "interval"})


def first_of_line() -> Select[tuple[str]]:
    """SQL: the first of (priority, ticket), while the line is not paused."""
    waiting = select(jobs.c.job_id).where(jobs.c.status == Status.QUEUED, ~paused())
    return waiting.order_by(jobs.c.priority, jobs.c.ticket).limit(1)


def taken(worker: Text, boot_id: Text, forge: Text, lease_until: ColumnElement[Any]) -> dict[str, Any]:
    """Return the columns of a job that is claimed for its first try."""
    return {
        "status": Status.PROCESSING,
        "stage": Stage.LOADING,
        "progress": 0,
        "attempt": jobs.c.attempt + 1,
        "worker": worker,
        "boot_id": boot_id,
        "forge": forge,
        "task_id": jobs.c.job_id + "-" + cast(jobs.c.attempt + 1, String) + "-1",
        "forge_loading": False,
        "lease_until": lease_until,
        "started_at": func.clock_timestamp(),
        "alive_at": func.clock_timestamp(),
        "sampling_at": None,
    }


def driven_by_another(forge: Text, boot_id: Text) -> ColumnElement[bool]:
    """SQL: another boot holds the lease on this Forge (ours may have run out a moment ago)."""
    return exists(
        select(forge_leases.c.forge).where(
            forge_leases.c.forge == forge,
            forge_leases.c.boot_id != boot_id,
            forge_leases.c.lease_until > func.clock_timestamp(),
        )
    )


def note_first_try(forge: Text, boot_id: Text, task_id: Text | None, lease_until: ColumnElement[Any]) -> Update:
    """SQL: record on the lease of the Forge whose generation comes, and hold it as long as the job."""
    ours = (forge_leases.c.forge == forge) & (forge_leases.c.boot_id == boot_id)
    return update(forge_leases).where(ours).values(task_id=task_id, job_timestamp=None, lease_until=lease_until)
