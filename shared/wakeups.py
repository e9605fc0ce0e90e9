"""Send wake-ups: to the GPU workers, and to the maintenance worker.

A wake-up is sent after the commit and may be lost: the reconciler compares the line with
the broker and rings again. `Bell` sends at once and may wait some seconds for a frozen
Redis; `BackgroundBell` sends from a thread of its own, for callers that answer people.
"""

import logging
from collections.abc import Callable
from typing import NamedTuple

from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared import queues, redis_link
from shared.background import Background

log = logging.getLogger(__name__)

#: wake-ups kept while the broker is slow; more are dropped, the reconciler rings for them
MOST_KEPT = 2000


def sending_app(redis_url: str) -> Celery:
    """Return a Celery app that works nothing, and only sends."""
    broker, options = queues.broker_url(redis_url)
    app = Celery("forgeline", broker=broker, set_as_current=False)
    app.conf.update({**queues.SENDING, "broker_transport_options": options})
    return app


class Bell:
    """Sends wake-ups over one Celery producer."""

    def __init__(self, redis_url: str) -> None:
        self._app = sending_app(redis_url)
        names = (queues.GPU_QUEUE, queues.MAINTENANCE_QUEUE)
        self._app.conf.task_queues = [Queue(name) for name in names]
        self._redis = redis_link.connect(redis_url)

    def ring(self, cause: str) -> bool:
        """Wake a GPU worker; `cause`, a job's id or a word, is for tracing only."""
        return self._send(queues.GENERATE_TASK, queues.GPU_QUEUE, (cause,))

    def ring_maintenance(self, task: str) -> bool:
        """Ask the maintenance worker to run `task` now."""
        return self._send(task, queues.MAINTENANCE_QUEUE, ())

    def unheard(self) -> int | None:
        """Return how many wake-ups for GPU workers the broker holds; None while it is away."""
        try:
            return int(self._redis.llen(queues.GPU_QUEUE))
        except RedisError:
            return None

    def _send(self, task: str, queue: str, args: tuple[str, ...]) -> bool:
        try:
            self._app.send_task(task, args=args, queue=queue, retry=False)
        except (OperationalError, RedisError, OSError) as error:
            log.warning("a wake-up was not sent: %s", error)
            return False
        return True


class _Wakeup(NamedTuple):
    """Who rings (a job id, or the task's name), and for whom."""

    name: str
    for_maintenance: bool


class BackgroundBell:
    """A bell that never makes its caller wait, and rings no more often than there is someone to hear it.

    A worker that ends a job rings for itself while jobs wait; so the broker never needs more wake-ups than `workers()`.
    """

    def __init__(self, bell: Bell, *, workers: Callable[[], int]) -> None:
        self._bell = bell
        self._workers = workers
        self._background: Background[_Wakeup] = Background("wake-ups", self._ring, most=MOST_KEPT)

    def ring(self, job_id: str) -> None:
        """Have a GPU worker woken soon."""
        self._background.put(_Wakeup(job_id, False))

    def ring_maintenance(self, task: str) -> None:
        """Have `task` run soon."""
        self._background.put(_Wakeup(task, True))

    def _ring(self, wakeups: list[_Wakeup]) -> None:
        for task in dict.fromkeys(each.name for each in wakeups if each.for_maintenance):
            self._bell.ring_maintenance(task)
        job_ids = [each.name for each in wakeups if not each.for_maintenance]
        missing = self._workers() - (self._bell.unheard() or 0) if job_ids else 0
        for job_id in job_ids[: max(0, missing)]:
            self._bell.ring(job_id)
