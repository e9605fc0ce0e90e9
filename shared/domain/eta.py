"""Estimates from the durations seen: how long until an image is there.

The nearest kind of work with at least two samples decides: the same model, steps and size;
else the same model; else anything, both scaled by steps × pixels. Model loading is learned
apart and not part of a run. Fewer than two samples: no number, rather than a guess.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from statistics import median
from typing import Any

MIN_SAMPLES = 2
MAX_SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Sample:
    """One finished job: what was asked, and the seconds its run took without loading."""

    params: Mapping[str, Any]
    run_s: float


@dataclass(frozen=True, slots=True)
class Range:
    """Half of the runs take less than `likely_s`, three quarters less than `late_s`."""

    likely_s: float
    late_s: float


@dataclass(frozen=True, slots=True)
class Running:
    """A job being worked: seconds since sampling began (None: not yet) and its progress."""

    params: Mapping[str, Any]
    sampling_s: float | None
    progress: int


class Estimator:
    """Learned from `samples`, newest first."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._same: dict[tuple[Any, ...], list[float]] = {}
        self._model_rates: dict[Any, list[float]] = {}
        self._rates: list[float] = []
        for sample in samples:
            rate = sample.run_s / work(sample.params)
            for model in {sample.params.get("model"), None}:  # None: the one loaded now
                _keep(self._same.setdefault(_kind(sample.params, model), []), sample.run_s)
                _keep(self._model_rates.setdefault(model, []), rate)
            _keep(self._rates, rate)

    def run(self, params: Mapping[str, Any]) -> Range | None:
        """Return how long a run of `params` takes, in seconds, or None when not known."""
        same = self._same.get(_kind(params, params.get("model")), [])
        if len(same) >= MIN_SAMPLES:
            return _range(same, 1.0)
        rates = self._model_rates.get(params.get("model"), [])
        if len(rates) < MIN_SAMPLES:
            rates = self._rates
        if len(rates) < MIN_SAMPLES:
            return None
        return _range(rates, work(params))

    def rest(self, running: Running) -> float | None:
        """Return the seconds a running job still needs, from its own rate once it has one."""
        expected = self.run(running.params)
        if running.sampling_s is not None and running.progress >= 10:
            own_s = running.sampling_s * (100 - running.progress) / running.progress
            if expected is None:
                return own_s
            share = running.progress / 100
            left_s = max(0.0, expected.likely_s - running.sampling_s)
            return share * own_s + (1 - share) * left_s
        if expected is None:
            return None
        return max(0.0, expected.likely_s - (running.sampling_s or 0.0))

    def line(
        self,
        waiting: Sequence[Mapping[str, Any]],
        running: Sequence[Running],
        workers: int,
    ) -> list[float | None]:
        """Return seconds until each waiting job's image is there, in the line's order."""
        rests = [self.rest(job) for job in running]
        if workers < 1 or None in rests:
            return [None] * len(waiting)
        busy = [rest for rest in rests if rest is not None]
        free_at = (busy + [0.0] * workers)[: max(workers, len(busy))]
        heapify(free_at)
        return [self._next(params, free_at) for params in waiting]

    def _next(self, params: Mapping[str, Any], free_at: list[float]) -> float | None:
        expected = self.run(params)
        if expected is None:
            return None
        done_s = free_at[0] + expected.likely_s
        heapreplace(free_at, done_s)
        return done_s


def work(params: Mapping[str, Any]) -> float:
    """Return steps × pixels, the size of a run."""
    return max(1.0, float(params["steps"] * params["width"] * params["height"]))


def _kind(params: Mapping[str, Any], model: object) -> tuple[object, ...]:
    return (model, params.get("steps"), params.get("width"), params.get("height"))


def _keep(values: list[float], value: float) -> None:
    if len(values) < MAX_SAMPLES:
        values.append(value)


def _range(values: Sequence[float], scale: float) -> Range:
    ordered = sorted(values)
    late = ordered[min(len(ordered) - 1, len(ordered) * 3 // 4)]
    return Range(median(ordered) * scale, late * scale)
