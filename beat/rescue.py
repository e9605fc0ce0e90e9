"""Orphaned jobs go back in line with their ticket: their worker died.

Also what is overdue: a cancel that Forge did not honour in time, and jobs that waited too
long. Everything is compare-and-set, so two rescues at once are harmless.
"""

import logging

from beat.duties import Duties
from shared.domain.decisions import Decision, Outcome, rescue_decision
from shared.domain.errors import TEMPORARY, ErrorCode
from shared.domain.jobs import Job
from shared.store import Change

log = logging.getLogger(__name__)

#: a cancelled job whose Forge does not stop in that time ends all the same (CONTRACT 5)
CANCEL_WITHIN_S = 30.0
#: the worker itself gives up first; this is for one that cannot
CANCEL_MARGIN_S = 3.0


def rescue_orphaned_jobs(duties: Duties) -> int:
    """Take back every job whose lease ran out; return how many."""
    rescued = 0
    for job in duties.store.orphaned_jobs():
        decision = rescue_decision(
            deaths=job.deaths,
            max_attempts=duties.settings.max_attempts,
            cancel_requested=job.cancel_requested,
        )
        change = _carry_out(duties, job, decision)
        duties.announcer.publish(change)
        if change is None:
            continue
        rescued += 1
        log.warning("job %s: its worker died, %s", job.job_id, decision.outcome)
        if decision.outcome is Outcome.PUT_BACK:
            duties.bell.ring(job.job_id)
    return rescued


def finish_overdue_cancels(duties: Duties) -> int:
    """End as cancelled what was asked to stop and did not; return how many."""
    changes = duties.store.finish_overdue_cancels(CANCEL_WITHIN_S + CANCEL_MARGIN_S)
    return duties.announcer.publish_all(changes)


def expire_waiting_jobs(duties: Duties) -> int:
    """End jobs that waited longer than QUEUE_TTL_S; return how many."""
    if not duties.settings.queue_ttl_s:
        return 0
    changes = duties.store.expire_waiting(duties.settings.queue_ttl_s)
    return duties.announcer.publish_all(changes)


def _carry_out(duties: Duties, job: Job, decision: Decision) -> Change | None:
    store = duties.store
    if decision.outcome is Outcome.CANCEL:
        return store.finish_cancel(job)
    if decision.outcome is Outcome.PUT_BACK:
        return store.put_back(job, deaths=decision.deaths) or store.finish_cancel(job)
    code = decision.code or ErrorCode.INTERNAL
    return store.fail(job, code, retryable=code in TEMPORARY, **decision.text_params)
