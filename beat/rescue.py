"""Orphaned jobs go back in line with their ticket: their worker died.

Also what is overdue: a cancel that Forge did not honour in time, and jobs that waited too
long. Everything happens under the job's row lock, so two rescues at once are harmless.
"""

import logging

from beat.duties import Duties
from shared.domain.decisions import Outcome

log = logging.getLogger(__name__)

#: a cancelled job whose Forge does not stop in that time ends all the same
CANCEL_WITHIN_S = 30.0
#: the worker itself gives up first; this is for one that cannot
CANCEL_MARGIN_S = 3.0


def rescue_orphaned_jobs(duties: Duties) -> int:
    """Take back every job whose lease ran out; return how many."""
    settings = duties.settings
    rescued = duties.store.rescue_orphans(max_attempts=settings.max_attempts, heartbeat_s=settings.heartbeat_s)
    for one in rescued:
        job = one.change.job
        log.warning("job %s: the worker of attempt %d died, %s", job.job_id, job.attempt, one.decision.outcome)
        duties.announcer.publish(one.change)
        if one.decision.outcome is Outcome.PUT_BACK:
            duties.bell.ring(job.job_id)
    return len(rescued)


def finish_overdue_cancels(duties: Duties, *, within_s: float = CANCEL_WITHIN_S + CANCEL_MARGIN_S) -> int:
    """End as cancelled what was asked to stop and did not in `within_s` seconds; return how many."""
    return duties.announcer.publish_all(duties.store.finish_overdue_cancels(within_s))


def expire_waiting_jobs(duties: Duties) -> int:
    """End jobs that waited longer than QUEUE_TTL_S; return how many."""
    if not duties.settings.queue_ttl_s:
        return 0
    changes = duties.store.expire_waiting(duties.settings.queue_ttl_s)
    return duties.announcer.publish_all(changes)
