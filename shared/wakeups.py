"""Send wake-ups: to the GPU workers, and to the maintenance worker.

A wake-up is sent after the commit and may be lost: the reconciler compares the line with
the broker and rings again. `Bell` sends at once and may wait some seconds for a frozen
Redis; `BackgroundBell` sends from a thread of its own, for callers that answer people.
"""

import logging
from collections import deque
from threading import Condition, Thread

from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared import queues, redis_link

log = logging.getLogger(__name__)

#: wake-ups kept while the broker is slow; more are dropped, the reconciler rings for them
MOST_KEPT = 2000


class Bell:
    """Sends wake-ups over one Celery producer."""

    def __init__(self, redis_url: str) -> None:
        broker, options = queues.broker_url(redis_url)
        self._app = Celery("forgeline", broker=broker, set_as_current=False)
        self._app.conf.update({**queues.SENDING, "broker_transport_options": options})
        names = (queues.GPU_QUEUE, queues.MAINTENANCE_QUEUE)
        self._app.conf.task_queues = [Queue(name) for name in names]
        self._redis = redis_link.connect(redis_url)

    def ring(self, job_id: str) -> bool:
        """Wake a GPU worker; `job_id` is for tracing only."""
        return self._send(queues.GENERATE_TASK, queues.GPU_QUEUE, (job_id,))

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


class BackgroundBell:
    """A bell that never makes its caller wait; the thread starts with the first ring."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._waiting: deque[tuple[str, bool]] = deque(maxlen=MOST_KEPT)
        self._filled = Condition()
        self._thread: Thread | None = None

    def ring(self, job_id: str) -> bool:
        """Have a GPU worker woken soon."""
        return self._put(job_id, False)

    def ring_maintenance(self, task: str) -> bool:
        """Have `task` run soon."""
        return self._put(task, True)

    def _put(self, name: str, maintenance: bool) -> bool:
        with self._filled:
            self._waiting.append((name, maintenance))
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="wake-ups", daemon=True)
                self._thread.start()
            self._filled.notify()
        return True

    def _run(self) -> None:
        while True:
            with self._filled:
                self._filled.wait_for(lambda: bool(self._waiting))
                name, maintenance = self._waiting.popleft()
            if maintenance:
                self._bell.ring_maintenance(name)
            else:
                self._bell.ring(name)
