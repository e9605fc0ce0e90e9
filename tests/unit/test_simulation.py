"""The simulation agrees with what queueing theory knows exactly."""

import math
import random

import pytest

from tests.bench.simulate import Cost, poisson, waits

SERVICE_S = 10.0


def erlang_c(gpus: int, load: float) -> float:
    """The share of jobs that wait in M/M/c."""
    offered = load * gpus
    last = offered**gpus / math.factorial(gpus) / (1 - load)
    return last / (sum(offered**k / math.factorial(k) for k in range(gpus)) + last)


@pytest.mark.parametrize(("gpus", "load"), [(1, 0.5), (1, 0.8), (4, 0.8), (10, 0.9)])
def test_it_finds_the_waiting_times_of_erlang(gpus: int, load: float) -> None:
    chance = random.Random(7)
    arrivals = poisson(load * gpus / SERVICE_S, 200_000, chance)
    found = waits(arrivals, lambda: chance.expovariate(1 / SERVICE_S), gpus, 0.0)
    share = erlang_c(gpus, load)
    assert found.waited == pytest.approx(share, rel=0.03)
    assert found.mean_s == pytest.approx(share * SERVICE_S / gpus / (1 - load), rel=0.08)
    assert found.in_line == pytest.approx(found.jobs_per_s * found.mean_s, rel=0.01), "Little's law"


def test_a_gap_between_jobs_is_time_no_gpu_works() -> None:
    moments = [float(number) for number in range(100)]
    without = waits(moments, lambda: 1.0, 1, 0.0)
    with_gap = waits(moments, lambda: 1.0, 1, 0.5)
    assert without.mean_s == 0
    assert with_gap.mean_s > 10


def test_loads_add_up() -> None:
    assert Cost(10, 2, 0.5).at(jobs_per_s=3, generation_s=4, gpus=6) == 3 * (10 + 8) + 3
