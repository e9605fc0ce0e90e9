"""What is derived when a job is read: its place, its estimate, whether the line is held.

Places come from the index in Redis, counted in SQL while it is away. Estimates and the
fleet are looked at again at most every `FRESH_S`, whoever asks how often.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, TypeVar

from shared.domain.eta import Estimator, Running, Sample
from shared.domain.jobs import Job, Live, Stage, Status, client_view, iso
from shared.line_index import LineIndex
from shared.previews import Previews
from shared.store import Store, WorkerState

FRESH_S = 0.5
LEARN_EVERY_S = 5.0
#: a guess for Retry-After while nothing is known
UNKNOWN_WAIT_S = 10.0

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Totals:
    """The line as everybody may see it."""

    waiting: int
    processing: int
    held: bool
    paused: bool
    retry_at: datetime | None

    def view(self) -> dict[str, Any]:
        """Return the `queue` object of GET /image/status and of the snapshot."""
        return {
            "waiting": self.waiting,
            "processing": self.processing,
            "held": self.held,
            "paused": self.paused,
            "retry_at": iso(self.retry_at),
        }


@dataclass(frozen=True, slots=True)
class Place:
    """Where one waiting job stands, and whose it is."""

    audience: frozenset[str]
    job_id: str
    queue_position: int
    eta_seconds: int | None


@dataclass(slots=True)
class _Kept:
    at: float = float("-inf")
    value: Any = None


@dataclass(slots=True)
class _Memory:
    fleet: _Kept = field(default_factory=_Kept)
    estimator: _Kept = field(default_factory=_Kept)
    line: _Kept = field(default_factory=_Kept)
    totals: _Kept = field(default_factory=_Kept)
    asked: dict[str, tuple[Mapping[str, Any], frozenset[str]]] = field(default_factory=dict)


class LiveViews:
    """Reads what a job's row does not say; one per process."""

    def __init__(self, *, store: Store, index: LineIndex, previews: Previews, seen_within_s: float) -> None:
        self._store = store
        self._index = index
        self._previews = previews
        self._seen_within_s = seen_within_s
        self._memory = _Memory()

    def view(self, job: Job) -> dict[str, Any]:
        """Return the whole live job as clients see it."""
        return client_view(job, self.live(job))

    def live(self, job: Job) -> Live:
        """Return what is derived for `job` now."""
        position, total = self._place(job)
        sampling = job.stage is Stage.SAMPLING
        return Live(
            queue_position=position,
            queue_total=total,
            eta_seconds=self._eta(job),
            held=self.held(),
            preview_version=self._previews.version(job.job_id) if sampling else None,
            server_time=datetime.now(UTC),
        )

    def workers(self) -> list[WorkerState]:
        """Return the live workers."""
        return self._fresh(self._memory.fleet, FRESH_S, lambda: self._store.live_workers(self._seen_within_s))

    def held(self) -> bool:
        """Whether no live worker has a circuit that is not open."""
        return all(worker.circuit == "open" for worker in self.workers())

    def totals(self) -> Totals:
        """Return the line's totals and switches."""
        return self._fresh(self._memory.totals, FRESH_S / 2, self._read_totals)

    def places(self) -> list[Place]:
        """Return every waiting job's place, in order."""
        ids, etas = self._line()
        known = self._memory.asked
        return [
            Place(known[job_id][1], job_id, number, eta)
            for number, (job_id, eta) in enumerate(zip(ids, etas, strict=True), start=1)
            if job_id in known
        ]

    def next_end_s(self) -> float:
        """Return seconds until a place in the line is likely to be free, for Retry-After."""
        rests = [self._estimator().rest(_running(job)) for job in self._store.processing()]
        known = [rest for rest in rests if rest is not None]
        return max(1.0, min(known, default=UNKNOWN_WAIT_S))

    def forget(self) -> None:
        """Look anew at the next question: the line or the fleet just changed."""
        for kept in (self._memory.line, self._memory.totals, self._memory.fleet):
            kept.at = float("-inf")

    def _read_totals(self) -> Totals:
        waiting, processing = self._store.counts()
        held = self.held()
        moments = [worker.retry_at for worker in self.workers() if worker.retry_at]
        retry_at = min(moments, default=None) if held else None
        paused = self._store.line_state().paused
        return Totals(waiting, processing, held, paused, retry_at)

    def _place(self, job: Job) -> tuple[int, int]:
        found = self._index.place(job.job_id)
        if job.status is not Status.QUEUED:
            return 0, found[1] if found else self._store.counts()[0]
        if found and found[0] is not None:
            return found[0], found[1]
        return self._store.position(job), self._store.counts()[0]

    def _eta(self, job: Job) -> int | None:
        if job.terminal or self.held():
            return None
        if job.status is Status.PROCESSING:
            return _whole(self._estimator().rest(_running(job)))
        ids, etas = self._line()
        try:
            return etas[ids.index(job.job_id)]
        except ValueError:
            return None

    def _line(self) -> tuple[list[str], list[int | None]]:
        return self._fresh(self._memory.line, FRESH_S, self._read_line)

    def _read_line(self) -> tuple[list[str], list[int | None]]:
        ids = self._index.job_ids()
        if ids is None:
            ids = [job_id for job_id, _, _ in self._store.waiting_scores()]
        known = self._learn_line(ids)
        asked = [known[job_id][0] for job_id in ids if job_id in known]
        listed = [job_id for job_id in ids if job_id in known]
        if self.held():
            return listed, [None] * len(listed)
        running = [_running(job) for job in self._store.processing()]
        workers = sum(worker.circuit != "open" for worker in self.workers())
        etas = self._estimator().line(asked, running, workers)
        return listed, [_whole(eta) for eta in etas]

    def _learn_line(self, ids: list[str]) -> dict[str, tuple[Mapping[str, Any], frozenset[str]]]:
        """Read only the jobs not seen before; forget those that left the line."""
        known = self._memory.asked
        missing = [job_id for job_id in ids if job_id not in known]
        for row in self._store.waiting(missing) if missing else []:
            known[row.job_id] = (row.params, row.audience)
        if len(known) > 2 * len(ids) + 100:
            kept = set(ids)
            self._memory.asked = {key: value for key, value in known.items() if key in kept}
        return self._memory.asked

    def _estimator(self) -> Estimator:
        return self._fresh(self._memory.estimator, LEARN_EVERY_S, self._learn)

    def _learn(self) -> Estimator:
        found = self._store.durations()
        return Estimator([Sample(duration.params, duration.run_s) for duration in found])

    def _fresh(self, kept: _Kept, seconds: float, read: Callable[[], Value]) -> Value:
        if monotonic() - kept.at > seconds:
            kept.value = read()
            kept.at = monotonic()
        value: Value = kept.value
        return value


def _running(job: Job) -> Running:
    if job.sampling_at is None:
        return Running(job.params, None, job.progress)
    seconds = (datetime.now(UTC) - job.sampling_at).total_seconds()
    return Running(job.params, max(0.0, seconds), job.progress)


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, round(seconds))
