"""What the relay asks of the application: snapshots, the line, and what changed since."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from api.relay.ports import Addressed, LineView, Place
from shared.domain import events
from shared.domain.identity import Identity
from shared.live import LiveViews
from shared.store import Store

#: the snapshot also holds what ended in the last minute
RECENT_S = 60.0
MOST_JOBS = 200
#: transactions that took a lower number but committed later are seen again for so long
LATE_S = 10.0
#: changed jobs are read so many at a time
READ_AT_ONCE = 100


class StoreFeed:
    """The relay's source, over the store and what is derived from it."""

    def __init__(self, store: Store, live: LiveViews) -> None:
        self._store = store
        self._live = live
        #: the changes that the last look found, so that none is told twice
        self._seen: dict[str, int] = {}

    def snapshot(self, identity: Identity) -> dict[str, Any]:
        """Return my unfinished jobs and those that ended a moment ago, at most 200."""
        unfinished = self._store.unfinished_jobs(identity.user_id, MOST_JOBS + 1)
        finished = self._store.finished_since(identity.user_id, RECENT_S, MOST_JOBS + 1)
        jobs = list({job.job_id: job for job in (*unfinished, *finished)}.values())  # what ended meanwhile is in both
        viewed, totals = self._live.views_and_totals(jobs[:MOST_JOBS])
        return {
            "jobs": [view for _, view in viewed],
            "queue": totals.view(),
            "truncated": len(jobs) > MOST_JOBS,
        }

    def line(self, members: Collection[str]) -> LineView:
        """Return the totals and the places of the jobs of these typed members, looked at now."""
        self._live.forget()
        places, totals = self._live.places(members)
        told = [Place(place.audience, place.job_id, place.queue_position, place.eta_seconds) for place in places]
        return LineView(totals.view(), told)

    def changes_since(self, seq: int, present: Callable[[], Collection[str]]) -> tuple[int, Iterator[Addressed]]:
        """Return the newest number and an event for each job that changed after `seq`, or committed late before it.

        The events are read as they are taken, a few at a time: thousands of jobs are never held at once. What was not
        taken to its end is told again. Jobs of whoever is not `present` are not read: who comes after the look that
        found them has a younger snapshot.
        """
        late = self._store.changed_lately(seq, within_s=LATE_S)
        fresh = self._store.changed_since(seq)
        unseen = [mark.job_id for mark in late if self._seen.get(mark.job_id) != mark.change_seq]
        told = self._told([*unseen, *(mark.job_id for mark in fresh)], dict([*late, *fresh]), present)
        return max((mark.change_seq for mark in fresh), default=seq), told

    def _told(
        self, job_ids: list[str], seen: dict[str, int], present: Callable[[], Collection[str]]
    ) -> Iterator[Addressed]:
        for start in range(0, len(job_ids), READ_AT_ONCE):
            members = present()
            theirs = self._store.jobs_of(members, job_ids[start : start + READ_AT_ONCE]) if members else []
            for job, view in self._live.views(theirs) if theirs else ():
                yield job.audience, events.image_progress(view)
        self._seen = seen

    def latest_seq(self) -> int:
        """Return the newest number of the sequence of changes."""
        return self._store.latest_change()
