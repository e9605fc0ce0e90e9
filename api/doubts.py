"""What was answered 503 and may be stored all the same is withdrawn once PostgreSQL answers again.

A statement that was sent to a PostgreSQL that stands still is carried out when it goes on. Whoever was told meanwhile
to try again would get two pictures.

    in doubt ──▶ found: withdrawn (Store.withdraw_job), and told as a cancel is told
             ├─▶ not found for SETTLED_S, in which PostgreSQL answered whenever it was asked: it was not stored
             └─▶ PostgreSQL is away for GIVE_UP_S: nobody knows

Not to be found proves nothing at first: the statement may still be under way while another connection is answered. A
process that dies meanwhile takes its doubts with it, and the job is drawn.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic, sleep

from shared.announcer import Announcer
from shared.background import Background
from shared.store import Change, Store, StoreUnavailable

log = logging.getLogger(__name__)

SETTLED_S = 15.0
GIVE_UP_S = 600.0
#: between two looks, and how much of the time since the newest doubt arose
FIRST_PAUSE_S, LONGEST_PAUSE_S, PAUSE_SHARE = 0.05, 1.0, 0.25
#: a server that stops leaves one for each connection of a pool, so this is never reached
MOST_DOUBTS = 1000


@dataclass(frozen=True, slots=True)
class Doubt:
    """A job that may be stored: since when, and since when PostgreSQL says that it is not (monotonic seconds)."""

    job_id: str
    since: float
    absent_since: float | None = None


class Doubts:
    """Takes back what nobody knows to be stored, in the background."""

    def __init__(
        self, *, store: Store, announcer: Announcer, settled_s: float = SETTLED_S, give_up_s: float = GIVE_UP_S
    ) -> None:
        self._store = store
        self._announcer = announcer
        self._settled_s = settled_s
        self._give_up_s = give_up_s
        self._open = Background("doubts", self._look, most=MOST_DOUBTS)

    def add(self, job_id: str) -> None:
        """Have a job withdrawn that may have been stored; never waits."""
        self._open.put(Doubt(job_id, monotonic()))

    def _look(self, doubts: Sequence[Doubt]) -> None:
        sleep(pause_s(doubts, monotonic()))
        try:
            found = {job.job_id for job in self._store.jobs_by_id([doubt.job_id for doubt in doubts])}
            for job_id in found:
                self._withdraw(job_id)
        except StoreUnavailable:
            remaining = self._unanswered(doubts)
        else:
            remaining = self._absent([doubt for doubt in doubts if doubt.job_id not in found])
        for doubt in remaining:
            self._open.put(doubt)

    def _withdraw(self, job_id: str) -> None:
        change = self._store.withdraw_job(job_id)
        if change is not None:
            log.warning("job %s was answered 503 and stored all the same: %s", job_id, _what_became(change))
            self._announcer.publish(change)

    def _unanswered(self, doubts: Sequence[Doubt]) -> list[Doubt]:
        """Begin anew with those that are not too old: what PostgreSQL said before is no proof any more."""
        now = monotonic()
        for doubt in doubts:
            if now - doubt.since >= self._give_up_s:
                log.warning("job %s was answered 503, and whether it was stored could not be found out", doubt.job_id)
        return [replace(doubt, absent_since=None) for doubt in doubts if now - doubt.since < self._give_up_s]

    def _absent(self, doubts: Sequence[Doubt]) -> list[Doubt]:
        """Keep those that may still come."""
        now = monotonic()
        seen = [replace(doubt, absent_since=doubt.absent_since or now) for doubt in doubts]
        kept = [doubt for doubt in seen if now - (doubt.absent_since or now) < self._settled_s]
        if settled := len(seen) - len(kept):
            log.info("%d submission(s) were answered 503 and not stored", settled)
        return kept


def pause_s(doubts: Sequence[Doubt], now: float) -> float:
    """Return how long to wait before the next look: the longer nothing new was in doubt, the longer."""
    age_s = now - max(doubt.since for doubt in doubts)
    return min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, age_s * PAUSE_SHARE))


def _what_became(change: Change) -> str:
    if change.moved_line:
        return "it is withdrawn"
    if change.job.terminal:
        return f"it has ended ({change.job.status.value}) and stays"
    return "it is being drawn, and cancelled"
