"""The waiting line as one process sees it: the order, each job's place, and estimates.

The order comes from the index in Redis, from SQL while Redis is away; under FAIR_SHARE it
is computed, for every user's turn moves with each claim. What a job asks for never changes,
so it is read once. The whole line is looked at at most every `FRESH_S`: with 10,000 waiting
a look takes some 20 ms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from shared.domain.eta import Estimator, Running, Sample, Work
from shared.domain.jobs import Job
from shared.fresh import Fresh
from shared.line_index import LineIndex
from shared.store import Store

FRESH_S = 0.5
LEARN_EVERY_S = 5.0
#: a guess for Retry-After while nothing is known
UNKNOWN_WAIT_S = 10.0

Audience = frozenset[str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one waiting job stands, and whose it is."""

    audience: Audience
    job_id: str
    queue_position: int
    eta_seconds: int | None


class Asked(NamedTuple):
    """What never changes of a waiting job."""

    work: Work
    audience: Audience


class Look(NamedTuple):
    """The line at one moment; `etas` in the order of `job_ids`, in seconds."""

    job_ids: list[str]
    etas: list[float | None]


class WaitingLine:
    """One process's view; `workers` says how many GPUs serve the line (0: no estimate)."""

    def __init__(self, store: Store, index: LineIndex, *, workers: Callable[[], int], fair: bool) -> None:
        self._store = store
        self._index = index
        self._workers = workers
        self._fair = fair
        self._asked: dict[str, Asked] = {}
        self._look = Fresh(self._look_anew, FRESH_S)
        self._numbers = Fresh(self._number, FRESH_S)
        self._estimator = Fresh(self._learn, LEARN_EVERY_S)

    def place(self, job_id: str) -> int:
        """Return a waiting job's place, 0 when it does not wait."""
        return self._numbers.read().get(job_id, 0)

    def total(self) -> int:
        """Return how many wait."""
        return len(self._look.read().job_ids)

    def places(self, wanted: Callable[[Audience], bool]) -> list[Place]:
        """Return the places of the waiting jobs whose owners are `wanted`, in order."""
        look, known = self._look.read(), self._asked
        return [
            Place(known[job_id].audience, job_id, number, _whole(look.etas[number - 1]))
            for number, job_id in enumerate(look.job_ids, start=1)
            if job_id in known and wanted(known[job_id].audience)
        ]

    def eta(self, job: Job, position: int) -> int | None:
        """Return seconds until the image of the job at `position` is there, None when not known."""
        etas = self._look.read().etas
        if 0 < position <= len(etas):
            return _whole(etas[position - 1])
        run = self._estimator.read().run(Work.of(job.params)) if self._workers() else None
        ahead_s = etas[-1] if etas else 0.0
        return None if run is None or ahead_s is None else _whole(ahead_s + run.likely_s)

    def rest_of(self, job: Job) -> int | None:
        """Return the seconds a processing job still needs, or None when not known."""
        return _whole(self._estimator.read().rest(_running(job)))

    def next_end_s(self) -> float:
        """Return seconds until a running job is likely to end."""
        rests = [self._estimator.read().rest(_running(job)) for job in self._store.processing()]
        known = [rest for rest in rests if rest is not None]
        return max(1.0, min(known, default=UNKNOWN_WAIT_S))

    def forget(self) -> None:
        """Look anew at the next question."""
        self._look.forget()
        self._numbers.forget()

    def _look_anew(self) -> Look:
        job_ids = self._order()
        self._learn_of(job_ids)
        works = [self._asked[job_id].work for job_id in job_ids if job_id in self._asked]
        workers = self._workers()
        if workers < 1 or len(works) < len(job_ids):
            return Look(job_ids, [None] * len(job_ids))
        running = [_running(job) for job in self._store.processing()]
        return Look(job_ids, self._estimator.read().line(works, running, workers))

    def _order(self) -> list[str]:
        if self._fair:
            return self._store.fair_line()
        found = self._index.job_ids()
        return [row[0] for row in self._store.waiting_scores()] if found is None else found

    def _number(self) -> dict[str, int]:
        return {job_id: number for number, job_id in enumerate(self._look.read().job_ids, start=1)}

    def _learn_of(self, job_ids: list[str]) -> None:
        """Read only the jobs not seen before; forget those that left the line."""
        missing = [job_id for job_id in job_ids if job_id not in self._asked]
        for row in self._store.waiting(missing) if missing else []:
            self._asked[row.job_id] = Asked(Work.of(row.params), row.audience)
        if len(self._asked) > 2 * len(job_ids) + 100:
            kept = set(job_ids)
            self._asked = {key: value for key, value in self._asked.items() if key in kept}

    def _learn(self) -> Estimator:
        found = self._store.durations()
        return Estimator([Sample(Work.of(duration.params), duration.run_s) for duration in found])


def _running(job: Job) -> Running:
    if job.sampling_at is None:
        return Running(Work.of(job.params), None, job.progress)
    seconds = (datetime.now(UTC) - job.sampling_at).total_seconds()
    return Running(Work.of(job.params), max(0.0, seconds), job.progress)


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, round(seconds))
