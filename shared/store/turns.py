"""Users served in turn (FAIR_SHARE): who was served when, and whose job is the first.

Claims in turn go one at a time, so that two workers never serve one user twice in a round.
A job that is put back gives its user's turn back, so it stands first again.
"""

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from shared.domain.jobs import Job, Status
from shared.store.tables import jobs, line_state, user_turns

TURN_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('turns', 2))")
#: the turn of a user who was never served: before all others
NEVER = datetime.fromtimestamp(0, UTC)


def first_in_turn(connection: Connection) -> str | None:
    """Return the first job that is not just leaving, of the least recently served user of the first priority."""
    connection.execute(TURN_LOCK)
    turn = func.coalesce(user_turns.c.served_at, NEVER)
    query = (
        select(jobs.c.job_id)
        .select_from(jobs.outerjoin(user_turns, user_turns.c.user_id == jobs.c.user_id))
        .where(jobs.c.status == Status.QUEUED, ~paused())
        .order_by(jobs.c.priority, turn, jobs.c.ticket)
        .limit(1)
        .with_for_update(of=jobs, skip_locked=True)
    )
    return connection.execute(query).scalar_one_or_none()


def take_turn(connection: Connection, job: Job) -> None:
    """Record that the job's user is served now, and keep the turn it had before."""
    before = select(user_turns.c.served_at).where(user_turns.c.user_id == job.user_id)
    kept = func.coalesce(before.scalar_subquery(), NEVER)
    connection.execute(update(jobs).where(jobs.c.job_id == job.job_id).values(turn_before=kept))
    served = insert(user_turns).values(user_id=job.user_id, served_at=func.clock_timestamp())
    connection.execute(
        served.on_conflict_do_update(index_elements=["user_id"], set_={"served_at": func.clock_timestamp()})
    )


def give_turn_back(connection: Connection, job: Job) -> None:
    """Let the user stand where it stood before this job was claimed, if claimed in turn."""
    before = select(jobs.c.turn_before).where(jobs.c.job_id == job.job_id).scalar_subquery()
    mine = user_turns.c.user_id == job.user_id
    values = {"served_at": func.least(user_turns.c.served_at, before)}
    connection.execute(update(user_turns).where(mine).values(**values))


def paused() -> ColumnElement[bool]:
    """SQL: the line is paused."""
    return select(line_state.c.paused).scalar_subquery()
