"""What operators see of a row of jobs, by Celery's own receiver of events."""

import threading
from typing import Any

from celery import Celery
from celery.events.state import State

from tests.integration.one_worker import Worker
from worker.task_events import TASK


def test_operators_see_a_row_for_each_attempt(worker: Worker, redis_url: str) -> None:
    state, listening = State(), threading.Event()
    app = Celery(broker=redis_url, set_as_current=False)

    def rows() -> dict[str, str]:
        return {task.uuid: task.state for task in state.tasks.values() if task.name == TASK}

    def see(event: dict[str, Any]) -> None:
        state.event(event)
        receiver.should_stop = {"SUCCESS", "FAILURE"} <= set(rows().values())

    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": see})
        receiver.on_consume_ready = lambda *_, **__: listening.set()
        heard = threading.Thread(target=receiver.capture, kwargs={"timeout": 20}, daemon=True)
        heard.start()
        assert listening.wait(10)
        ended, broken = worker.job(), worker.job(steps="many")
        worker.wake_up()
        heard.join(20)
    assert rows() == {
        f"{ended.job_id}-1": "SUCCESS",
        f"{broken.job_id}-1": "FAILURE",
    }
    task = state.tasks[f"{ended.job_id}-1"]
    assert (task.name, task.args, task.hostname) == (TASK, repr((ended.job_id,)), "gpu1@test")
    assert task.result == repr(worker.row(ended).image_name)
