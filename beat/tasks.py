"""The tasks of the maintenance queue, one for each duty."""

import logging
import os
from collections.abc import Callable

from celery import Celery

from beat.duties import Duties, compose
from beat.reconcile import reconcile
from beat.rescue import expire_waiting_jobs, finish_overdue_cancels, rescue_orphaned_jobs
from beat.retention import retain
from beat.stuck import cleanup_stuck_image_jobs
from beat.webhooks import KEEP_DAYS
from shared import queues
from shared.settings import Settings
from shared.store import StoreUnavailable
from shared.unacknowledged import WakeUp

log = logging.getLogger(__name__)


def rescue(duties: Duties) -> None:
    """Take back orphaned jobs, end overdue cancels and expired jobs."""
    rescue_orphaned_jobs(duties)
    finish_overdue_cancels(duties)
    expire_waiting_jobs(duties)


def retention(duties: Duties) -> None:
    """Delete callbacks that were settled long ago, and old pictures."""
    duties.store.forget_callbacks(older_than_days=KEEP_DAYS)
    retain(duties)


def webhooks(duties: Duties) -> None:
    """Begin to deliver the callbacks that are due."""
    duties.courier.send_due()


DUTIES: dict[str, Callable[[Duties], object]] = {
    queues.RESCUE_TASK: rescue,
    queues.RECONCILE_TASK: reconcile,
    queues.CLEANUP_TASK: cleanup_stuck_image_jobs,
    queues.RETENTION_TASK: retention,
    queues.WEBHOOKS_TASK: webhooks,
}


def add_tasks(app: Celery, settings: Settings) -> None:
    """Register every duty on `app`; collaborators are built once in each process."""
    of_pid: dict[int, Duties] = {}

    def mine() -> Duties:
        pid = os.getpid()
        if pid not in of_pid:
            of_pid[pid] = compose(settings)
        return of_pid[pid]

    for name, duty in DUTIES.items():
        app.task(_bound(name, duty, mine), name=name, ignore_result=True, Request=WakeUp)


def _bound(name: str, duty: Callable[[Duties], object], mine: Callable[[], Duties]) -> Callable[[], None]:
    def run() -> None:
        here = mine()
        try:
            duty(here)
        except StoreUnavailable as error:
            log.warning("%s has to wait: %s", name, error)
            return
        here.clock.done(name)

    run.__doc__ = duty.__doc__
    return run
