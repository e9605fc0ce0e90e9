"""What this GPU worker counts about itself; `/metrics` shows it with the worker's name.

    queue wait     from the submission to the claim (the first claim of a job)
    generation     from the request to Forge to its picture, good ones only
    idle gap       from the end of one generation to the start of the next, while that next one already waited

A worker serves no HTTP, so it writes its counters into its row (shared.store.figures). They begin at zero with every
boot, which Prometheus expects of a counter.
"""

from time import perf_counter, time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest

from shared.domain.failures import FailureKind
from shared.domain.jobs import Job

WAITS_S = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400)
GENERATIONS_S = (0.5, 1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 90, 120, 180, 300, 600)
GAPS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Figures:
    """One worker process's counters."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        ours: Any = {"registry": self._registry}
        self._wait = Histogram(
            "forgeline_queue_wait_seconds", "From the submission of a job to its first claim.", buckets=WAITS_S, **ours
        )
        self._generation = Histogram(
            "forgeline_generation_duration_seconds",
            "From the request to Forge to its picture.",
            buckets=GENERATIONS_S,
            **ours,
        )
        self._gap = Histogram(
            "forgeline_gpu_idle_gap_seconds",
            "From the end of one generation to the start of the next that already waited.",
            buckets=GAPS_S,
            **ours,
        )
        self._errors = Counter("forgeline_forge_errors", "Failed calls of Forge by kind.", ["kind"], **ours)
        self._attempts = Counter("forgeline_attempts", "Attempts by how they ended.", ["ending"], **ours)
        for kind in FailureKind:
            self._errors.labels(kind.value)
        self._ended: tuple[float, float] | None = None
        self._begun = ("", 0)
        self._began_at = perf_counter()

    def generation_begins(self, job: Job) -> None:
        """Forge was asked for a picture; the first time of an attempt also tells how long job and GPU waited for it."""
        if self._begun != (job.job_id, job.attempt):
            self._begun = (job.job_id, job.attempt)
            self._begin(job)
        self._began_at = perf_counter()

    def generation_ended(self, *, drawn: bool) -> None:
        """Forge is done; `drawn`: with a picture."""
        self._ended = (time(), perf_counter())
        if drawn:
            self._generation.observe(self._ended[1] - self._began_at)

    def idle(self) -> None:
        """Nothing could be claimed: what follows is no gap between two jobs."""
        self._ended = None

    def failed(self, kind: FailureKind) -> None:
        """Count a failure of Forge's."""
        self._errors.labels(kind.value).inc()

    def attempt_ended(self, ending: str) -> None:
        """Count an attempt by its ending."""
        self._attempts.labels(ending).inc()

    def text(self) -> str:
        """Return everything in Prometheus's text form."""
        return generate_latest(self._registry).decode()

    def _begin(self, job: Job) -> None:
        if job.attempt == 1 and job.started_at is not None:
            self._wait.observe(max(0.0, (job.started_at - job.created_at).total_seconds()))
        if self._ended is not None and job.created_at.timestamp() < self._ended[0]:
            self._gap.observe(perf_counter() - self._ended[1])
