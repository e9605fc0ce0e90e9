"""A view's moment is a promise: whatever was true by then, it shows."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from shared import redis_link
from shared.domain.jobs import Job, Stage, iso
from shared.line_index import LineIndex
from shared.live import LiveViews
from shared.previews import Previews
from shared.store import Claimant, Store, WorkerState
from tests.builders import PARAMS, stored_job
from tests.waiting import wait_for

GPU = Claimant("gpu1@host", "boot-1", "http://10.0.0.9:7860")
Look = Callable[..., LiveViews]


def now() -> str:
    """Return this moment as views tell it."""
    return iso(datetime.now(UTC)) or ""


@pytest.fixture
def look(store: Store, redis_url: str) -> Iterator[Look]:
    """How a process that has just begun sees the line, with one idle worker."""
    redis = redis_link.connect(redis_url)
    index = LineIndex(redis)
    index.begin_epoch("epoch")
    store.report_worker(WorkerState(name=GPU.worker, boot_id=GPU.boot_id, forge=GPU.forge))

    def looked_at(*jobs: Job) -> LiveViews:
        index.note(jobs)
        return LiveViews(store=store, index=index, previews=Previews(redis), seen_within_s=30, fair=False)

    yield looked_at
    redis.close()


class Overtaken(LineIndex):
    """An index in which the line moves, and is told to have moved, as soon as a place was read."""

    line_told_at = ""

    def place(self, job_id: str) -> tuple[int | None, int] | None:
        """Return the place that was true until now."""
        found, read_at = super().place(job_id), now()
        self.line_told_at = wait_for(lambda: now() if now() > read_at else "")
        return found


def test_news_of_the_line_that_came_while_a_place_was_read_are_the_later_ones(store: Store, redis_url: str) -> None:
    redis = redis_link.connect(redis_url)
    index = Overtaken(redis)
    live = LiveViews(store=store, index=index, previews=Previews(redis), seen_within_s=30, fair=False)
    job = stored_job(store)
    index.begin_epoch("epoch")
    index.note([job])
    view = live.view(job)
    assert (view["queue_position"], view["queue_total"]) == (1, 1)
    assert view["server_time"] < index.line_told_at
    redis.close()


def test_nobody_knows_when_a_waiting_picture_is_there_while_the_line_is_paused(store: Store, look: Look) -> None:
    for _ in range(3):
        draw(store)
    running, waiting = claimed(store), stored_job(store)
    known = look(waiting).view(waiting)["eta_seconds"]
    store.pause()
    live = look(waiting)
    assert (known is not None, live.view(waiting)["eta_seconds"]) == (True, None)
    assert [place.eta_seconds for place in live.places(waiting.audience)[0]] == [None]
    assert live.view(running)["eta_seconds"] is not None, "it is drawn to its end"
    store.resume()
    assert look(waiting).view(waiting)["eta_seconds"] is not None


def test_the_totals_count_the_jobs_that_are_shown_beside_them(store: Store, redis_url: str, look: Look) -> None:
    claimed(store)
    first = stored_job(store)
    live = look(first)
    assert (live.totals().waiting, live.totals().processing) == (1, 1)
    second = stored_job(store)
    redis = redis_link.connect(redis_url)
    LineIndex(redis).note([second])  # as another process did, which tells nobody here
    redis.close()
    assert (live.view(second)["queue_total"], live.totals().waiting) == (2, 2)


def claimed(store: Store) -> Job:
    """Return a job that is being drawn."""
    stored_job(store)
    change = store.claim(GPU, lease_s=30)
    assert change
    store.save_progress(change.job, progress=10, stage=Stage.SAMPLING)
    return store.job(change.job.job_id) or change.job


def draw(store: Store) -> None:
    """Let one picture have been drawn."""
    store.complete(claimed(store), image_name=f"flux_{uuid4().hex}.png", params=PARAMS)
