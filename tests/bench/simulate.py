"""How long people wait, and what PostgreSQL and Redis carry, with 1, 10 and 1,000 GPUs: `make simulate`.

A discrete-event simulation of one line served by many GPUs: jobs arrive at random (Poisson), the first of the line goes
to the GPU that is free first, a generation takes a log-normal time, and between two jobs a GPU idles for the measured
gap. Loads follow from what `python -m tests.bench.cost` measured for one job; both are printed with the result.

    --generation 8   median seconds of a generation      --spread 0.5   sigma of its logarithm
    --jobs 40000     simulated jobs of each case
"""

import argparse
import heapq
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean, quantiles

GPUS = (1, 10, 1000)
LOADS = (0.5, 0.8, 0.95)
SEED = 20_260_101


@dataclass(frozen=True)
class Cost:
    """What a part carries: for each job, for each second a job runs, and a second for each GPU worker at all."""

    job: float
    running_s: float
    worker_s: float = 0.0

    def at(self, jobs_per_s: float, generation_s: float, gpus: int) -> float:
        """Return what it carries a second."""
        return jobs_per_s * (self.job + generation_s * self.running_s) + gpus * self.worker_s


#: measured by tests.bench.cost with 2 s and 8 s generations on two shared cores, one browser watching (docs/scaling.md)
MEASURED = {
    "PG tx/s": Cost(22.0, 11.7, 1.0),
    "WAL KB/s": Cost(29.4, 1.25),
    "Redis cmd/s": Cost(102.0, 12.7, 3.0),
    "worker cores": Cost(0.080, 0.0165, 0.002),
    "API cores": Cost(0.015, 0.0103),
    "PG cores": Cost(0.021, 0.0040),
    "Redis cores": Cost(0.0017, 0.0012),
}
GAP_S = 0.05


@dataclass(frozen=True)
class Waits:
    """What the simulated jobs went through, in seconds; `in_line` is how many waited on average."""

    jobs_per_s: float
    mean_s: float
    median_s: float
    p95_s: float
    waited: float
    in_line: float


def waits(arrivals: Iterable[float], generation_s: Callable[[], float], gpus: int, gap_s: float) -> Waits:
    """Run jobs that arrive at these moments (s, rising) through a line with so many GPUs.

    The first tenth fills the line and is not counted.
    """
    free = [0.0] * gpus
    seen: list[float] = []
    moments: list[float] = []
    for moment in arrivals:
        earliest = heapq.heappop(free)
        begins = max(moment, earliest)
        heapq.heappush(free, begins + generation_s() + gap_s)
        seen.append(begins - moment)
        moments.append(moment)
    counted = seen[len(seen) // 10 :]
    lasted_s = moments[-1] - moments[len(seen) // 10]
    cuts = quantiles(counted, n=20)
    return Waits(
        jobs_per_s=len(counted) / lasted_s,
        mean_s=fmean(counted),
        median_s=cuts[9],
        p95_s=cuts[18],
        waited=sum(wait > 0 for wait in counted) / len(counted),
        in_line=sum(counted) / lasted_s,
    )


def poisson(rate_per_s: float, count: int, chance: random.Random) -> Iterable[float]:
    """Give `count` moments of random arrivals."""
    now = 0.0
    for _ in range(count):
        now += chance.expovariate(rate_per_s)
        yield now


def main() -> None:
    """Print a row for each number of GPUs and each load."""
    options = _options()
    mean_s = options.generation * math.exp(options.spread**2 / 2)
    for line in _assumptions(options, mean_s):
        print(line)
    parts = " ".join(f"{name:>12}" for name in MEASURED)
    print(f"\n GPUs load  jobs/s | wait: mean   median      p95  waited  in line | {parts}")
    for gpus in GPUS:
        for load in LOADS:
            print(_row(gpus, load, mean_s, options))


def _row(gpus: int, load: float, mean_s: float, options: argparse.Namespace) -> str:
    chance = random.Random(SEED)
    rate = load * gpus / (mean_s + GAP_S)
    arrivals = poisson(rate, max(options.jobs, 200 * gpus), chance)
    log_median = math.log(options.generation)
    found = waits(arrivals, lambda: chance.lognormvariate(log_median, options.spread), gpus, GAP_S)
    parts = " ".join(f"{cost.at(found.jobs_per_s, mean_s, gpus):>12.1f}" for cost in MEASURED.values())
    return (
        f"{gpus:>5} {load:>4.0%} {found.jobs_per_s:>7.2f} | {found.mean_s:>9.1f}s {found.median_s:>7.1f}s"
        f" {found.p95_s:>7.1f}s {found.waited:>7.0%} {found.in_line:>8.1f} | {parts}"
    )


def _assumptions(options: argparse.Namespace, mean_s: float) -> Iterable[str]:
    yield "Assumed: arrivals at random, all of one kind; any GPU takes any job; nobody cancels; no Forge is sick;"
    lasts = f"median {options.generation:g} s, sigma {options.spread:g}: {mean_s:.1f} s on average"
    yield f"a generation is log-normal, {lasts};"
    yield f"a GPU idles {1000 * GAP_S:.0f} ms between two jobs; {options.jobs} jobs a case, at least 200 for each GPU."
    for name, cost in MEASURED.items():
        seconds = f"{cost.running_s:g} a second it runs, {cost.worker_s:g} a second and worker"
        yield f"  {name:<13} {cost.job:g} a job, {seconds}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generation", type=float, default=8.0)
    parser.add_argument("--spread", type=float, default=0.5)
    parser.add_argument("--jobs", type=int, default=40_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
