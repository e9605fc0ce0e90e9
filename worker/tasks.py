"""The one task of the GPU queue. A message is a wake-up: the claim decides what runs."""

from collections.abc import Callable

from celery import Celery

from shared import queues
from shared.unacknowledged import WakeUp
from worker.runner import Runner


def add_tasks(app: Celery, runner: Callable[[], Runner]) -> None:
    """Register the task on `app`; `runner` gives the process's collaborators."""

    def generate(cause: str = "") -> None:
        """Wake up; `cause` says why somebody rang (a job's id, or a word), not what runs."""
        runner().wake_up()

    app.task(name=queues.GENERATE_TASK, ignore_result=True, Request=WakeUp)(generate)
