"""Redis is compared with the store, and mended: the index, the counter, the wake-ups.

Redis may lose everything at any moment. The epoch key tells: where it is missing, or is
not the store's, the index is rebuilt and the epoch set last. Idempotent; one of several
runs at a time.
"""

import logging
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError

from beat.duties import Duties
from shared import redis_link
from shared.queues import GPU_QUEUE

log = logging.getLogger(__name__)

#: wake-ups sent by one run; the next run rings for the rest
MOST_RINGS = 1000


def reconcile(duties: Duties) -> int:
    """Mend what differs; return how many repairs were made."""
    with duties.store.sweep_lock("reconcile") as mine:
        if not mine:
            return 0
        try:
            return _mend_index(duties) + _mend_wakeups(duties)
        except RedisError as error:
            log.warning("nothing to reconcile with: %s", error)
            return 0


def _mend_index(duties: Duties) -> int:
    line = duties.store.waiting_scores()
    found = duties.index.job_ids()
    same_epoch = duties.index.epoch() == duties.store.line_state().epoch
    if found == [job_id for job_id, _, _ in line] and same_epoch:
        return 0
    epoch = uuid4().hex
    duties.index.rebuild(line, epoch)
    duties.store.set_epoch(epoch)
    duties.announcer.line_moved()
    log.info("the line's index was rebuilt: %d waiting", len(line))
    return 1


def _mend_wakeups(duties: Duties) -> int:
    waiting, _ = duties.store.counts()
    missing = min(waiting - _rung(duties), MOST_RINGS)
    if missing <= 0 or duties.store.line_state().paused:
        return 0
    for _ in range(missing):
        duties.bell.ring("reconciled")
    log.info("%d wake-up(s) were missing", missing)
    return missing


def _rung(duties: Duties) -> int:
    """Return how many wake-ups the broker holds for the GPU workers."""
    redis: Redis = redis_link.connect(str(duties.settings.redis_url))
    try:
        return int(redis.llen(GPU_QUEUE))
    finally:
        redis.close()
