"""One log line for every transition of a job: what happened, and how long what came before it took.

| event                          | `duration_s`                              |
|--------------------------------|-------------------------------------------|
| accepted                       | -                                         |
| claimed                        | waited since the submission               |
| put back                       | the attempt that ends here                |
| moved                          | waited so far (an admin's `front`)        |
| complete, error, cancelled     | the attempt, or the wait of a job that never began |

Progress and cancels that are only asked for, or asked for again, are told at `debug`. The line is written where the
change is published, so by the process that made it: in the API it carries the request's `request_id`, everywhere
`job_id`. Forge's own task id is `JOB_ID-ATTEMPT-TRY`.
"""

from datetime import datetime

from shared import logs
from shared.domain.jobs import Job, Status
from shared.store import Change

log = logs.get_logger(__name__)


def log_transition(change: Change) -> None:
    """Write the line of a change that was committed."""
    job = change.job
    event = transition_of(change)
    fields = {"job_id": job.job_id, "attempt": job.attempt, "worker": job.worker}
    if event is None:
        log.debug("progress", **fields, stage=job.stage, progress=job.progress)
        return
    more = {"error_code": job.error_code} if job.error_code else {}
    log.info(event, **fields, duration_s=duration_s(job), **more)


def transition_of(change: Change) -> str | None:
    """Return what happened to the job, or None when it only got on."""
    job = change.job
    if change.same_status:
        return None
    if job.terminal:
        return job.status.value
    if not change.moved_line:
        return None
    if job.status is Status.PROCESSING:
        return "claimed"
    if job.version == 1:
        return "accepted"
    return "put back" if job.attempt else "moved"


def duration_s(job: Job) -> float | None:
    """Return how long what just ended took, in seconds."""
    if job.status is Status.PROCESSING:
        return _between(job.created_at, job.started_at)
    if job.terminal:
        return _between(job.started_at or job.created_at, job.finished_at)
    return _between(job.started_at or job.created_at, job.updated_at) if job.version > 1 else None


def _between(since: datetime, until: datetime | None) -> float | None:
    return None if until is None else round((until - since).total_seconds(), 3)
