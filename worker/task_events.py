"""What operators see of each job: one row in Flower and `celery events`, though one wake-up works many jobs.

    worker.generate            the wake-up: one long row for all the jobs it worked
    generate_image_via_forge   one row for each attempt, under `<job_id>-<attempt>`, with the job's id as its argument

Sent by a thread of its own, for nobody waits for them; a broker that is away loses them.
"""

import logging
import time
from typing import Any, NamedTuple

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared.background import Background
from shared.domain.jobs import Job, Status
from shared.wakeups import sending_app

log = logging.getLogger(__name__)

TASK = "generate_image_via_forge"
MOST_KEPT = 1000


class _Event(NamedTuple):
    kind: str
    fields: dict[str, Any]


class TaskEvents:
    """Sends the task events of one node's attempts, as Celery itself would."""

    def __init__(self, redis_url: str, *, node: str) -> None:
        self._node = node
        self._app = sending_app(redis_url)
        self._background: Background[_Event] = Background("task-events", self._send, most=MOST_KEPT)

    def started(self, job: Job) -> None:
        """An attempt began."""
        self._put("task-received", job, name=TASK, args=repr((job.job_id,)), kwargs="{}", retries=job.attempt - 1)
        self._put("task-started", job)

    def ended(self, job: Job) -> None:
        """The job ended: with a stored picture, in error, or as its owner asked."""
        if job.status is Status.COMPLETE:
            self._put("task-succeeded", job, result=repr(job.image_name), runtime=_seconds(job))
        elif job.status is Status.ERROR:
            self._put("task-failed", job, exception=job.error_code, traceback="")
        else:
            self._put("task-revoked", job, terminated=True, signum=None, expired=False)

    def retried(self, job: Job) -> None:
        """The job was put back: another attempt will follow."""
        self._put("task-retried", job, exception="put back", traceback="")

    def _put(self, kind: str, job: Job, **fields: Any) -> None:
        self._background.put(_Event(kind, {"uuid": _row(job), "timestamp": time.time(), **fields}))

    def _send(self, events: list[_Event]) -> None:
        try:
            with self._app.events.default_dispatcher(hostname=self._node, enabled=True) as dispatcher:
                for event in events:
                    dispatcher.send(event.kind, retry=False, **event.fields)
        except (OperationalError, RedisError, OSError) as error:
            log.debug("%d event(s) for operators were not sent: %s", len(events), error)


def _row(job: Job) -> str:
    return f"{job.job_id}-{job.attempt}"


def _seconds(job: Job) -> float:
    if job.started_at is None or job.finished_at is None:
        return 0.0
    return (job.finished_at - job.started_at).total_seconds()
