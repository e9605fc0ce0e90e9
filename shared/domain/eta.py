"""Estimates from the durations seen: how long until an image is there.

The nearest kind of work with at least two samples decides: the same model, steps and size;
else the same model; else anything, both scaled by steps × pixels from what is nearest in that:
a tiny picture's time is mostly what every picture costs. Model loading is learned apart and not
part of a run. Fewer than two samples: no number, rather than a guess.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from math import inf
from statistics import median
from typing import Any, NamedTuple

#: seconds for each step and pixel, newest first, by steps × pixels
Rates = dict[float, list[float]]

MIN_SAMPLES = 2
MAX_SAMPLES = 20
#: sizes that differ by less than so many times are alike
ABOUT = 2.0
#: from here on a job's own pace says more than the history
MIN_PROGRESS = 10


class Work(NamedTuple):
    """What decides how long a run takes; `model` None means the one that is loaded."""

    model: str | None
    steps: int
    width: int
    height: int

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> "Work":
        """Read a job's parameters."""
        return cls(params.get("model"), params["steps"], params["width"], params["height"])

    @property
    def is_sound(self) -> bool:
        """Whether it can be reckoned with: what somebody wrote into the database by hand may be no number."""
        return all(isinstance(part, int) for part in (self.steps, self.width, self.height))

    @property
    def size(self) -> float:
        """Steps × pixels."""
        return max(1.0, float(self.steps * self.width * self.height))


@dataclass(frozen=True, slots=True)
class Sample:
    """One finished job: its work, and the seconds its run took without loading."""

    work: Work
    run_s: float


@dataclass(frozen=True, slots=True)
class Running:
    """A job being worked: seconds since sampling began (None: not yet) and its progress."""

    work: Work
    sampling_s: float | None
    progress: int


class Estimator:
    """Learned from `samples`, newest first."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._same: dict[Work, list[float]] = {}
        #: under None those of all models
        self._of_model: dict[str | None, Rates] = {None: {}}
        self._known: dict[Work, float | None] = {}
        for sample in samples:
            self._learn(sample)

    def run_s(self, work: Work) -> float | None:
        """Return the seconds that half of the runs of `work` take at most, or None when not known."""
        if work not in self._known:
            self._known[work] = self._likely_s(work) if work.is_sound else None
        return self._known[work]

    def rest(self, running: Running) -> float | None:
        """Return the seconds a running job still needs, from its own pace once it has one."""
        expected_s = self.run_s(running.work)
        sampled_s = running.sampling_s or 0.0
        left_s = None if expected_s is None else max(0.0, expected_s - sampled_s)
        if running.sampling_s is None or running.progress < MIN_PROGRESS:
            return left_s
        share = running.progress / 100
        own_s = sampled_s * (1 - share) / share
        return own_s if left_s is None else share * own_s + (1 - share) * left_s

    def line(self, waiting: Sequence[Work], running: Sequence[Running], workers: int) -> list[float | None]:
        """Return seconds until each waiting job's image is there, in the line's order."""
        rests = [self.rest(job) for job in running]
        if workers < 1 or None in rests:
            return [None] * len(waiting)
        busy = [rest for rest in rests if rest is not None]
        free_at = (busy + [0.0] * workers)[: max(workers, len(busy))]
        heapify(free_at)
        return [self._next(work, free_at) for work in waiting]

    def _next(self, work: Work, free_at: list[float]) -> float | None:
        expected_s = self.run_s(work)
        if expected_s is None:
            return None
        done_s = free_at[0] + expected_s
        heapreplace(free_at, done_s)
        return done_s

    def _learn(self, sample: Sample) -> None:
        size = sample.work.size
        for model in {sample.work.model, None}:
            _keep(self._same.setdefault(sample.work._replace(model=model), []), sample.run_s)
            _keep(self._of_model.setdefault(model, {}).setdefault(size, []), sample.run_s / size)

    def _likely_s(self, work: Work) -> float | None:
        same = self._same.get(work, [])
        if len(same) >= MIN_SAMPLES:
            return median(same)
        rates = _rates_near(work.size, self._of_model.get(work.model, {}))
        if len(rates) < MIN_SAMPLES:
            rates = _rates_near(work.size, self._of_model[None])
        return median(rates) * work.size if len(rates) >= MIN_SAMPLES else None


def _rates_near(size: float, rates: Rates) -> list[float]:
    """Return the rates of the sizes nearest to `size`: of enough to tell, and of those about as far off."""
    found: list[float] = []
    most = inf
    for times, seen in sorted((max(seen / size, size / seen), seen) for seen in rates):
        if times > most:
            break
        found += rates[seen]
        if len(found) >= MIN_SAMPLES:
            most = min(most, ABOUT * times)
    return found[:MAX_SAMPLES]


def _keep(values: list[float], value: float) -> None:
    if len(values) < MAX_SAMPLES:
        values.append(value)
