"""The waiting line as one process sees it: the order, each job's place, and estimates.

The order comes from the index in Redis, from SQL while Redis is away; under FAIR_SHARE it
is computed, for every user's turn moves with each claim. What a job asks for never changes,
so it is read once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.domain.eta import Estimator, Running, Sample
from shared.domain.jobs import Job
from shared.fresh import Fresh
from shared.line_index import LineIndex
from shared.store import Store

FRESH_S = 0.5
LEARN_EVERY_S = 5.0
#: a guess for Retry-After while nothing is known
UNKNOWN_WAIT_S = 10.0

Asked = tuple[Mapping[str, Any], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one waiting job stands, and whose it is."""

    audience: frozenset[str]
    job_id: str
    queue_position: int
    eta_seconds: int | None


class WaitingLine:
    """Reads the line at most every `FRESH_S`."""

    def __init__(self, store: Store, index: LineIndex, *, fair: bool) -> None:
        self._store = store
        self._index = index
        self._fair = fair
        self._asked: dict[str, Asked] = {}
        self._order = Fresh(self._read_order, FRESH_S)
        self._numbers = Fresh(self._number, FRESH_S)
        self._etas: dict[int, Fresh[list[int | None]]] = {}
        self._estimator = Fresh(self._learn, LEARN_EVERY_S)

    def place(self, job_id: str) -> int:
        """Return a waiting job's place, 0 when it does not wait."""
        return self._numbers.read().get(job_id, 0)

    def total(self) -> int:
        """Return how many wait."""
        return len(self._order.read())

    def places(self, workers: int) -> list[Place]:
        """Return every waiting job's place, in order, with estimates for so many workers."""
        known, etas = self._known(), self._etas_for(workers)
        listed = zip(self._order.read(), etas, strict=True)
        return [
            Place(known[job_id][1], job_id, number, eta)
            for number, (job_id, eta) in enumerate(listed, start=1)
            if job_id in known
        ]

    def eta(self, job_id: str, workers: int) -> int | None:
        """Return seconds until a waiting job's image is there, or None when not known."""
        number, etas = self.place(job_id), self._etas_for(workers)
        return etas[number - 1] if 0 < number <= len(etas) else None

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
        self._order.forget()
        self._numbers.forget()
        self._etas.clear()

    def _read_order(self) -> list[str]:
        if self._fair:
            return self._store.fair_line()
        found = self._index.job_ids()
        if found is not None:
            return found
        return [job_id for job_id, _, _ in self._store.waiting_scores()]

    def _number(self) -> dict[str, int]:
        return {job_id: number for number, job_id in enumerate(self._order.read(), start=1)}

    def _etas_for(self, workers: int) -> list[int | None]:
        if workers not in self._etas:
            self._etas = {workers: Fresh(lambda: self._estimate(workers), FRESH_S)}
        etas = self._etas[workers].read()
        order = self._order.read()
        return etas if len(etas) == len(order) else self._estimate(workers)

    def _estimate(self, workers: int) -> list[int | None]:
        order, known = self._order.read(), self._known()
        if workers < 1 or any(job_id not in known for job_id in order):
            return [None] * len(order)
        running = [_running(job) for job in self._store.processing()]
        asked = [known[job_id][0] for job_id in order]
        return [_whole(eta) for eta in self._estimator.read().line(asked, running, workers)]

    def _known(self) -> dict[str, Asked]:
        """Read only the jobs not seen before; forget those that left the line."""
        order = self._order.read()
        missing = [job_id for job_id in order if job_id not in self._asked]
        for row in self._store.waiting(missing) if missing else []:
            self._asked[row.job_id] = (row.params, row.audience)
        if len(self._asked) > 2 * len(order) + 100:
            kept = set(order)
            self._asked = {key: value for key, value in self._asked.items() if key in kept}
        return self._asked

    def _learn(self) -> Estimator:
        found = self._store.durations()
        return Estimator([Sample(duration.params, duration.run_s) for duration in found])


def _running(job: Job) -> Running:
    if job.sampling_at is None:
        return Running(job.params, None, job.progress)
    seconds = (datetime.now(UTC) - job.sampling_at).total_seconds()
    return Running(job.params, max(0.0, seconds), job.progress)


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, round(seconds))
