"""What this process knows of each job, so that no socket hears of an older state after a newer one.

    known        the newest (attempt, version) an event or a snapshot told: a live event below it was overtaken
    dispatched   the newest one that went to every socket of its owner: the sweep need not bring it

Jobs that have not changed for longest are forgotten first. So many are kept that a look of the sweep (at most 4,000
jobs) is told from what was dispatched; each costs 0.3 KB, which is all that this process keeps of a job that ended.
"""

from collections import OrderedDict

from api.relay.messages import Stamp

REMEMBERED = 5_000
NONE = (-1, -1)

Version = tuple[int, int]


class Seen:
    """The newest versions, by job."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._versions: OrderedDict[str, tuple[Version, Version]] = OrderedDict()

    def live(self, job_id: str, stamp: Stamp) -> bool:
        """Tell whether a live event should be dispatched; the same version may come again (previews, places)."""
        version = stamp[:2]
        known, dispatched = self._versions.get(job_id, (NONE, NONE))
        if version < known:
            return False
        self._remember(job_id, version, max(version, dispatched))
        return True

    def swept(self, job_id: str, stamp: Stamp) -> bool:
        """Tell whether a state found in the store should be dispatched."""
        version = stamp[:2]
        known, dispatched = self._versions.get(job_id, (NONE, NONE))
        if version < known or version <= dispatched:
            return False
        self._remember(job_id, version, version)
        return True

    def told(self, job_id: str, stamp: Stamp) -> None:
        """Remember what one socket's snapshot told."""
        known, dispatched = self._versions.get(job_id, (NONE, NONE))
        self._remember(job_id, max(known, stamp[:2]), dispatched)

    def is_past(self, job_id: str, stamp: Stamp) -> bool:
        """Tell whether something newer was told of a job meanwhile."""
        return stamp[:2] < self._versions.get(job_id, (NONE, NONE))[0]

    def _remember(self, job_id: str, known: Version, dispatched: Version) -> None:
        self._versions[job_id] = known, dispatched
        self._versions.move_to_end(job_id)
        if len(self._versions) > self._limit:
            self._versions.popitem(last=False)
