"""Publish what the store returned: the index first, then the event, then the line's move.

Call it after the commit. A process that dies between the two loses the event, and so does
one whose database leaves at that moment; the state stands, and the sweep of the store tells it.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from shared.domain.jobs import Job
from shared.events_bus import Publisher
from shared.line_index import LineIndex
from shared.live import LiveViews
from shared.store import Change, StoreUnavailable
from shared.transitions import log_transition

log = logging.getLogger(__name__)


class Announcer:
    """Turns changes into events."""

    def __init__(self, *, index: LineIndex, live: LiveViews, publisher: Publisher) -> None:
        self._index = index
        self._live = live
        self._publisher = publisher

    def publish(self, change: Change | None) -> None:
        """Tell the owner's sockets of a change; None (another process got there first) is nothing."""
        if change is None:
            return
        log_transition(change)
        if change.moved_line:
            self._index.note([change.job])
            self._live.line_moved()
        self._tell(change.job)
        if change.moved_line:
            self._publisher.line_moved()

    def publish_answered(self, answered: Sequence[tuple[Job, dict[str, Any]]]) -> None:
        """Tell of jobs that entered or left the line, many at once, by the views that people were answered with."""
        self._index.note([job for job, _ in answered])
        self._publisher.send_moved((view, job.audience) for job, view in answered)

    def preview_changed(self, job: Job | None) -> None:
        """Tell the owner's sockets of a new preview; the job itself did not change."""
        if job is not None:
            self._tell(job)

    def publish_all(self, changes: Iterable[Change | None]) -> int:
        """Publish each change; return how many there were."""
        real = [change for change in changes if change is not None]
        for change in real:
            self.publish(change)
        return len(real)

    def line_moved(self) -> None:
        """Tell that places, or held, paused or retry_at, may have changed."""
        self._live.forget()
        self._publisher.line_moved()

    def _tell(self, job: Job) -> None:
        try:
            view = self._live.view(job)
        except StoreUnavailable as error:
            log.warning("an event of job %s was not told: %s", job.job_id, error)
            return
        self._publisher.send_image_progress(view, job.audience)
