"""The Celery app of the clock: the schedule, and the maintenance worker that does it.

Every duty is idempotent, so two beats or two maintenance workers are harmless. A message
that nobody took expires; when, is written by the beat's clock and read by the worker's.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from celery import Celery, schedules, signals
from celery.beat import PersistentScheduler

from shared import logs, prefork, queues, unacknowledged
from shared.settings import Settings

settings = prefork.settings_for("DATABASE_URL")

WEBHOOKS_EVERY_S = 2.0
RETENTION_EVERY_S = 600.0
#: two, so that a long retention does not keep a dead worker's job waiting
CONCURRENCY = 2

prefork.prepare()


class Period(schedules.schedule):  # type: ignore[misc]  # Celery has no types
    """So many seconds from one time to the next, also when the machine's clock was set back in between.

    Celery would wait until it is as late again as it was, for beat keeps the last time over a restart, too.
    """

    def remaining_estimate(self, last_run_at: datetime) -> timedelta:
        """Return how long to wait: nothing, where it would be longer than the whole period."""
        left: timedelta = super().remaining_estimate(last_run_at)
        return left if left <= self.run_every else timedelta()


class Clock(PersistentScheduler):  # type: ignore[misc]  # Celery has no types
    """Asks every duty anew when the machine's clock was set back: Celery remembers by it when each is due next."""

    _looked_at = datetime.min.replace(tzinfo=UTC)

    def setup_schedule(self) -> None:
        """Make the folder of what is remembered: only a clock that rings needs it, not every command on this app."""
        Path(self.schedule_filename).parent.mkdir(parents=True, exist_ok=True)
        super().setup_schedule()

    def schedules_equal(self, *schedules: object) -> bool:
        """Tell whether what is remembered still holds; asked at every tick."""
        before, self._looked_at = self._looked_at, self.app.now()
        return before <= self._looked_at and bool(super().schedules_equal(*schedules))


def _every(task: str, seconds: float) -> dict[str, object]:
    return {"task": task, "schedule": Period(seconds), "options": {"expires": seconds + queues.CLOCKS_APART_S}}


def schedule(settings: Settings) -> dict[str, dict[str, object]]:
    """Return Celery's beat schedule for `settings`."""
    rows = {
        "rescue": _every(queues.RESCUE_TASK, settings.rescue_every_s),
        "reconcile": _every(queues.RECONCILE_TASK, settings.rescue_every_s),
        "cleanup": _every(queues.CLEANUP_TASK, settings.cleanup_every_s),
        "retention": _every(queues.RETENTION_TASK, RETENTION_EVERY_S),
    }
    if settings.webhook_hosts:
        rows["webhooks"] = _every(queues.WEBHOOKS_TASK, WEBHOOKS_EVERY_S)
    return rows


def _build() -> Celery:
    broker, options = queues.broker_url(settings.redis_url)
    built = Celery("forgeline.beat", broker=broker)
    schedule_file = Path(settings.data_dir) / "beat" / "schedule"
    built.conf.update(
        {
            **queues.CONSUMING,
            "broker_transport_options": options,
            "task_queues": [unacknowledged.queue(queues.MAINTENANCE_QUEUE)],
            "task_default_queue": queues.MAINTENANCE_QUEUE,
            "worker_pool": "prefork",
            "worker_concurrency": CONCURRENCY,
            "beat_schedule": schedule(settings),
            "beat_scheduler": Clock,
            "beat_schedule_filename": str(schedule_file),
            "beat_max_loop_interval": 5,
            "beat_enable_remote_control": True,
        }
    )
    return built


app = _build()


@signals.celeryd_init.connect
def _learn_duties(**_: object) -> None:
    from beat.tasks import add_tasks  # the clock rings by their names alone, and is a quarter smaller without them

    add_tasks(app, settings)


@signals.setup_logging.connect
def _set_up_logging(**_: object) -> None:
    logs.configure(settings)
