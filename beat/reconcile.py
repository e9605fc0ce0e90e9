"""Redis is compared with the store, and mended: the index, its epoch, the wake-ups.

Redis may lose everything at any moment, or come back with what it held a while ago. The
epoch key tells: where it is missing, or is not the store's, nobody believes the index until
it was mended. Idempotent; one of several runs at a time.
"""

import logging
from uuid import uuid4

from redis.exceptions import RedisError

from beat.duties import Duties
from shared import heap
from shared.line_index import score
from shared.queues import wakeups_missing

log = logging.getLogger(__name__)

#: a line that Redis lost may be long: so many of its jobs are read at a time
AT_ONCE = 500


def reconcile(duties: Duties) -> int:
    """Mend what differs; return how many repairs were made."""
    with duties.store.sweep_lock("reconcile") as mine:
        if not mine:
            return 0
        try:
            return _mend_index(duties) + _mend_epoch(duties) + _mend_wakeups(duties)
        except RedisError as error:
            log.warning("nothing to reconcile with: %s", error)
            return 0
        finally:
            heap.give_back()


def _mend_index(duties: Duties) -> int:
    """Note anew every job on which the two differ; a note that is on its way does no harm."""
    found = duties.index.scores()
    line = {job_id: score(priority, ticket) for job_id, priority, ticket in duties.store.waiting_scores()}
    wrong = [job_id for job_id in found.keys() | line.keys() if found.get(job_id) != line.get(job_id)]
    if not wrong:
        return 0
    for start in range(0, len(wrong), AT_ONCE):
        _note_anew(duties, wrong[start : start + AT_ONCE])
    duties.announcer.line_moved()
    log.info("the line's index differed in %d place(s)", len(wrong))
    return len(wrong)


def _note_anew(duties: Duties, job_ids: list[str]) -> None:
    jobs = duties.store.jobs_by_id(job_ids)
    duties.index.note(jobs)
    unknown = set(job_ids) - {job.job_id for job in jobs}
    duties.index.drop(unknown)
    # One that stood in the line before it was stored may have been stored meanwhile.
    duties.index.note(duties.store.jobs_by_id(sorted(unknown)))


def _mend_epoch(duties: Duties) -> int:
    found = duties.index.epoch()
    if found is not None and found == duties.store.line_state().epoch:
        return 0
    epoch = uuid4().hex
    duties.index.begin_epoch(epoch)
    duties.store.set_epoch(epoch)
    duties.announcer.line_moved()
    if duties.store.highest_ticket():
        log.warning("Redis had lost the line's index: a new one is in use")
    return 1


def _mend_wakeups(duties: Duties) -> int:
    waiting, _ = duties.store.counts()
    unheard = duties.bell.unheard()
    if unheard is None or duties.store.line_state().paused:
        return 0
    missing = wakeups_missing(waiting=waiting, workers=len(duties.live.workers()), unheard=unheard)
    rung = 0
    while rung < missing and duties.bell.ring("reconciled"):
        rung += 1
    if rung:
        log.info("%d wake-up(s) were missing", rung)
    return rung
