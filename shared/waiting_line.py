"""The waiting line as one process sees it: each job's place, and estimates.

A place is looked up for whom it concerns: in the index in Redis, in SQL while Redis is away. Nobody walks through the
whole line, however long it is. Estimates come from the works of the `NEAR` first; who stands behind them waits for
those, and then for as many more as stand between, each taking as long as the near ones take.

Under FAIR_SHARE every user's turn moves with each claim, so there the order is computed whole, at most every `FRESH_S`
and after each move of this process's own making.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from shared.domain.eta import Estimator, Running, Sample, Work
from shared.domain.jobs import Job
from shared.fresh import Fresh
from shared.line_index import LineIndex, Places
from shared.store import Store

FRESH_S = 0.5
LEARN_EVERY_S = 5.0
#: a guess for Retry-After while nothing is known
UNKNOWN_WAIT_S = 10.0
#: so many of the first are looked at one by one
NEAR = 1000

Audience = frozenset[str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one waiting job stands, and whose it is."""

    audience: Audience
    job_id: str
    queue_position: int
    eta_seconds: int | None


class Look(NamedTuple):
    """The front of the line at one moment: seconds until the image of each is there, None where not known."""

    job_ids: list[str]
    etas: list[float | None]

    def at(self, position: int) -> float | None:
        """Return the seconds of whoever stands at `position`, also behind the front that was looked at."""
        if position < 1 or not self.etas:
            return None
        if position <= len(self.etas):
            return self.etas[position - 1]
        first, last = self.etas[0], self.etas[-1]
        if first is None or last is None or len(self.etas) < 2:
            return None
        return last + (position - len(self.etas)) * (last - first) / (len(self.etas) - 1)


class WaitingLine:
    """One process's view; `workers` says how many GPUs serve the line (0: no estimate)."""

    def __init__(self, store: Store, index: LineIndex, *, workers: Callable[[], int], fair: bool) -> None:
        self._store = store
        self._index = index
        self._workers = workers
        self._fair = fair
        self._works: dict[str, Work] = {}
        self._look = Fresh(self._look_anew, FRESH_S)
        self._numbers = Fresh(self._number, FRESH_S)
        self._estimator = Fresh(self._learn, LEARN_EVERY_S)

    def places_of(self, members: Collection[str]) -> tuple[list[Place], int]:
        """Return the places of the waiting jobs of any of the typed `members`, in order, and how many wait in all."""
        theirs = {job.job_id: job.audience for job in self._store.waiting_of(members)}
        look = self._look.read()
        found = self._places(list(theirs))
        positions = sorted((position, job_id) for job_id, position in found.positions.items())
        return [Place(theirs[job_id], job_id, at, _whole(look.at(at))) for at, job_id in positions], found.total

    def places(self, job_ids: Sequence[str]) -> Places:
        """Return where the jobs stand that wait, all at one moment."""
        if self._fair and not self._numbers.read().keys() >= set(job_ids):
            self.forget()  # some may have come since
        return self._places(job_ids)

    def eta(self, job: Job, position: int) -> int | None:
        """Return seconds until the image of the job at `position` is there, None when not known."""
        look = self._look.read()
        if position <= len(look.etas) or len(look.job_ids) == NEAR:
            return _whole(look.at(position))
        run_s = self._estimator.read().run_s(Work.of(job.params)) if self._workers() else None
        ahead_s = look.etas[-1] if look.etas else 0.0
        return None if run_s is None or ahead_s is None else _whole(ahead_s + run_s)

    def rest_of(self, job: Job) -> int | None:
        """Return the seconds a processing job still needs, or None when not known."""
        return _whole(self._estimator.read().rest(_running(job)))

    def next_end_s(self) -> float:
        """Return seconds until a running job is likely to end."""
        rests = [self._estimator.read().rest(_running(job)) for job in self._store.processing()]
        known = [rest for rest in rests if rest is not None]
        return max(1.0, min(known, default=UNKNOWN_WAIT_S))

    def moved(self) -> None:
        """Somebody came, left or was put first: an order that is kept (FAIR_SHARE) is computed anew."""
        if self._fair:
            self.forget()

    def forget(self) -> None:
        """Look anew at the next question."""
        self._look.forget()
        self._numbers.forget()

    def _places(self, job_ids: Sequence[str]) -> Places:
        if self._fair:
            return _places_in(self._numbers.read(), job_ids)
        found = self._index.places(job_ids)
        if found is not None:
            return found
        numbers = {row[0]: position for position, row in enumerate(self._store.waiting_scores(), start=1)}
        return _places_in(numbers, job_ids)

    def _look_anew(self) -> Look:
        job_ids = self._front()
        works = self._works_of(job_ids)
        workers = self._workers()
        if workers < 1 or not works:
            return Look(job_ids, [None] * len(job_ids))
        running = [_running(job) for job in self._store.processing()]
        return Look(job_ids, self._estimator.read().line(works, running, workers))

    def _front(self) -> list[str]:
        if self._fair:
            return self._store.fair_line()
        found = self._index.job_ids(NEAR)
        return [row[0] for row in self._store.waiting_scores(NEAR)] if found is None else found

    def _number(self) -> dict[str, int]:
        return {job_id: number for number, job_id in enumerate(self._look.read().job_ids, start=1)}

    def _works_of(self, job_ids: Sequence[str]) -> list[Work]:
        """Return what each job asks for, reading only those not seen before.

        One that is in the index and not yet in the store is taken for the like of the one before it.
        """
        missing = [job_id for job_id in job_ids if job_id not in self._works]
        for row in self._store.waiting(missing) if missing else []:
            self._works[row.job_id] = Work.of(row.params)
        if len(self._works) > 2 * len(job_ids) + 100:
            self._works = {job_id: self._works[job_id] for job_id in job_ids if job_id in self._works}
        like = next((self._works[job_id] for job_id in job_ids if job_id in self._works), None)
        if like is None:
            return []
        works: list[Work] = []
        for job_id in job_ids:
            like = self._works.get(job_id, like)
            works.append(like)
        return works

    def _learn(self) -> Estimator:
        found = self._store.durations()
        return Estimator([Sample(Work.of(duration.params), duration.run_s) for duration in found])


def _places_in(numbers: dict[str, int], job_ids: Sequence[str]) -> Places:
    return Places({job_id: numbers[job_id] for job_id in job_ids if job_id in numbers}, len(numbers))


def _running(job: Job) -> Running:
    if job.sampling_at is None:
        return Running(Work.of(job.params), None, job.progress)
    seconds = (datetime.now(UTC) - job.sampling_at).total_seconds()
    return Running(Work.of(job.params), max(0.0, seconds), job.progress)


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, round(seconds))
