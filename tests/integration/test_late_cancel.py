"""A cancel that is answered while Forge draws ends its job as cancelled, though the picture comes first."""

from typing import Any

import pytest

from shared.domain.jobs import Job, Stage, Status
from shared.store import Change
from tests.builders import ADMIN
from tests.integration.one_worker import Worker


def cancel_when_answered(worker: Worker, monkeypatch: pytest.MonkeyPatch, cancelled: Job) -> None:
    """Cancel the job when Forge has answered and its worker has not told yet that the picture is being stored."""
    save = worker.bench.store.save_progress

    def cancelled_before(job: Job, *, progress: int, stage: Stage) -> Change | None:
        if job.job_id == cancelled.job_id and stage is Stage.SAVING:
            answered = worker.store.cancel_job(job.job_id, ADMIN).job
            assert (answered.status, answered.stage is Stage.SAVING) == (Status.PROCESSING, False)
        return save(job, progress=progress, stage=stage)

    monkeypatch.setattr(worker.bench.store, "save_progress", cancelled_before)


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "handed over"])
def test_a_cancel_before_the_picture_is_stored_throws_it_away(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    job, behind = worker.job(), [worker.job() for _ in range(others)]
    cancel_when_answered(worker, monkeypatch, job)
    for each in (job, *behind):
        worker.wake_up_until_ended(each)
    ended = worker.row(job)
    assert (ended.status, ended.error_code, ended.image_name) == (Status.CANCELLED, "cancelled", None)
    assert [worker.row(other).status for other in behind] == [Status.COMPLETE] * others
    assert len(worker.pictures()) == others


def test_a_cancelled_picture_that_came_closes_the_circuit_all_the_same(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.bench.circuit.failure()
    cancel_when_answered(worker, monkeypatch, job := worker.job())
    worker.wake_up_until_ended(job)
    state: Any = worker.bench.circuit.state()
    assert worker.row(job).status is Status.CANCELLED and state.failures == 0
