"""How the whole installation stands: read from the store, the line's index and the workers' rows when it is asked for.

A part that cannot be reached is `forgeline_part_up 0`, and what it would have told is left out. Reads that grow with
the number of jobs are made again only after twenty times as long as they took.
"""

from collections.abc import Callable, Iterable, Iterator
from math import inf
from time import monotonic
from typing import Generic, TypeVar

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.parser import text_string_to_metric_families

from shared.domain.fleet import CircuitState
from shared.duty_clock import DutyClock
from shared.line_index import LineIndex
from shared.live import LiveViews
from shared.queues import RECONCILE_TASK, RESCUE_TASK
from shared.store import Store, StoreUnavailable, WorkerState

LEAST_S, SHARE = 1.0, 20
#: what the clock does in every installation: never done is an age too, for whoever is to be woken by it
ALWAYS = (RESCUE_TASK, RECONCILE_TASK)

Value = TypeVar("Value")


class Installation:
    """A collector over this process's collaborators."""

    def __init__(
        self, *, store: Store, live: LiveViews, index: LineIndex, duties: DutyClock, seen_within_s: float
    ) -> None:
        self._store = store
        self._live = live
        self._index = index
        self._duties = duties
        self._seen_within_s = seen_within_s
        self._census = Measured(store.census)

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registering must not ask a database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Give every family that can be read now."""
        parts = {"redis": self._index.answers(), "postgresql": True}
        try:
            yield from [*self._line(), *_fleet(self._live.workers()), *self._outbox(), *self._workers_own()]
        except StoreUnavailable:
            parts["postgresql"] = False
        yield from self._clock()
        yield _gauge("forgeline_part_up", "Whether a part answers.", "part", parts)

    def _line(self) -> Iterator[Metric]:
        census, totals = self._census.read(), self._live.totals()
        jobs = census.jobs | {"queued": totals.waiting, "processing": totals.processing}
        yield _gauge("forgeline_jobs", "Jobs by status; those of deleted conversations are gone.", "status", jobs)
        yield Gauge("forgeline_queue_waiting", "Jobs that wait.", totals.waiting)
        oldest = "How long the oldest waiting job has waited since its submission."
        yield Gauge("forgeline_queue_oldest_seconds", oldest, census.oldest_waiting_s if totals.waiting else 0)
        yield Gauge("forgeline_queue_paused", "1: an operator paused the line.", int(totals.switches.paused))
        yield Gauge("forgeline_queue_held", "1: no image server can be reached.", int(totals.switches.held))

    def _outbox(self) -> Iterator[Metric]:
        pending = self._store.pending_callbacks()
        yield Gauge("forgeline_webhooks_pending", "Callbacks that wait for their delivery.", pending.count)
        yield Gauge("forgeline_webhooks_oldest_seconds", "Age of the oldest of them.", pending.oldest_s)

    def _workers_own(self) -> Iterable[Metric]:
        """Return the workers' own counters, each sample with the name of its worker."""
        families: dict[str, Metric] = {}
        for worker, text in self._store.worker_figures(self._seen_within_s).items():
            for family in text_string_to_metric_families(text):
                whole = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for sample in family.samples:
                    whole.add_sample(sample.name, {**sample.labels, "worker": worker}, sample.value)
        return families.values()

    def _clock(self) -> Iterator[Metric]:
        ages = self._duties.ages_s()
        if ages is not None:
            told = dict.fromkeys(ALWAYS, inf) | ages
            names = {task.removeprefix("beat."): age for task, age in told.items()}
            text = "Since a duty of the clock last ended well; +Inf: it never did."
            yield _gauge("forgeline_duty_age_seconds", text, "duty", names)


class Measured(Generic[Value]):
    """Keeps a value the longer, the more its reading cost."""

    def __init__(self, read_anew: Callable[[], Value]) -> None:
        self._read_anew = read_anew
        self._until = float("-inf")
        self._value: Value | None = None

    def read(self) -> Value:
        """Return the value, read anew if its time is over."""
        if self._value is None or monotonic() > self._until:
            began = monotonic()
            self._value = self._read_anew()
            self._until = monotonic() + max(LEAST_S, SHARE * (monotonic() - began))
        return self._value


def _fleet(workers: list[WorkerState]) -> Iterator[Metric]:
    yield Gauge("forgeline_workers", "GPU workers that live.", len(workers))
    busy = {worker.name: int(worker.job_id is not None) for worker in workers}
    yield _gauge("forgeline_worker_busy", "1: the worker runs a job.", "worker", busy)
    circuits = Gauge("forgeline_circuit_state", "1 for the state a worker's circuit is in.", labels=["worker", "state"])
    problems = Gauge("forgeline_worker_problem", "1: what a worker cannot work for.", labels=["worker", "problem"])
    for worker in workers:
        for state in CircuitState:
            circuits.add_metric([worker.name, state.value], int(worker.circuit == state))
        if worker.problem:
            problems.add_metric([worker.name, worker.problem], 1)
    yield circuits
    yield problems


def _gauge(name: str, text: str, label: str, values: dict[str, bool] | dict[str, int] | dict[str, float]) -> Metric:
    family = Gauge(name, text, labels=[label])
    for value, amount in values.items():
        family.add_metric([value], float(amount))
    return family
