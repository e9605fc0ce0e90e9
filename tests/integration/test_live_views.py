"""A view's moment is a promise: whatever was true by then, it shows."""

from datetime import UTC, datetime

from shared import redis_link
from shared.domain.jobs import iso
from shared.line_index import LineIndex
from shared.live import LiveViews
from shared.previews import Previews
from shared.store import Store
from tests.builders import stored_job
from tests.waiting import wait_for


def now() -> str:
    """Return this moment as views tell it."""
    return iso(datetime.now(UTC)) or ""


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
