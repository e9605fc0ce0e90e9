"""The Celery app of the GPU worker: one queue, one job at a time, prefork.

Prefork, because it answers `inspect` while a generation runs and survives the death of its
child; gevent was measured to leave the GPU idle for two seconds between jobs, solo is deaf
while it works, threads cannot be ended.
"""

import signal
import sys
from typing import Any

from celery import Celery, bootsteps, signals
from celery.apps.worker import safe_say

from shared import logs, prefork, queues, unacknowledged
from worker import stopping
from worker.composition import of_this_process
from worker.tasks import add_tasks

settings = prefork.settings_for("DATABASE_URL", "FORGE_URL")

prefork.prepare()

#: the node name, learned in the parent before it forks
_node = {"name": "gpu"}
#: the signals that asked this parent to stop
_asked_by: set[str] = set()


class _NoMoreJobs(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Have every warm stop end the row of jobs, also one that no signal asked for (`celery control shutdown`)."""

    requires = ("celery.worker.components:Pool",)  # so it stops before the pool, which waits for its child

    def stop(self, parent: Any) -> None:
        """Tell the child; who was told by a signal has no longer for it."""
        stopping.ask_to_stop(settings.shutdown_grace_s)


def _build() -> Celery:
    broker, options = queues.broker_url(settings.redis_url)
    built = Celery("forgeline.worker", broker=broker)
    built.conf.update(
        {
            **queues.CONSUMING,
            "broker_transport_options": options,
            "task_queues": [unacknowledged.queue(queues.GPU_QUEUE)],
            "task_default_queue": queues.GPU_QUEUE,
            "worker_pool": "prefork",
            "worker_concurrency": 1,
        }
    )
    built.steps["worker"].add(_NoMoreJobs)
    return built


app = _build()
add_tasks(app, lambda: of_this_process(settings, _node["name"]))


@signals.setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    logs.configure(settings)


@signals.celeryd_init.connect
def _learn_name(sender: str, **_: Any) -> None:
    _node["name"] = sender


@signals.worker_ready.connect
def _begin_parent(**_: Any) -> None:
    stopping.hasten_on(signal.SIGQUIT)


@signals.worker_process_init.connect
def _begin_child(**_: Any) -> None:
    of_this_process(settings, _node["name"]).start()


@signals.worker_process_shutdown.connect
def _end_child(**_: Any) -> None:
    of_this_process(settings, _node["name"]).close()


@signals.worker_shutting_down.connect
def _stop_soon(sig: str, **_: Any) -> None:
    again = sig == "SIGINT" and sig in _asked_by  # it came before Celery had made the second one its cold stop
    _asked_by.add(sig)
    stopping.ask_to_stop(0 if again else settings.shutdown_grace_s)
    if sig == "SIGINT":
        stopping.hasten_on(signal.SIGINT)
    safe_say(f"worker: The running job may go on for {0 if again else settings.shutdown_grace_s:g} s", sys.__stdout__)
