"""The stuck-job guard: a processing job without a sign of life is told, its GPU freed.

A sign of life is a new try, a change of stage, of Forge's step or of its progress; the
heartbeat of a lease is none. The worker that holds the job learns at its next poll that
it lost it, interrupts Forge and goes on with the next.
"""

import logging

from beat.duties import Duties
from shared.domain.decisions import is_stuck

log = logging.getLogger(__name__)


def cleanup_stuck_image_jobs(duties: Duties) -> int:
    """End stuck jobs in error and notify their owners; return how many."""
    settings = duties.settings
    shortest_s = min(settings.stuck_after_s, settings.forge_load_timeout_s)
    ended = 0
    for job, silent_s in duties.store.silent_jobs(shortest_s):
        if not is_stuck(
            silent_s=silent_s,
            forge_loading=job.forge_loading,
            stuck_after_s=settings.stuck_after_s,
            load_timeout_s=settings.forge_load_timeout_s,
        ):
            continue
        change = duties.store.fail_silent(job)
        duties.announcer.publish(change)
        if change is not None:
            ended += 1
            log.warning("job %s: stuck for %.0f s", job.job_id, silent_s)
    return ended
