"""Estimates are honest: near once a few runs were seen, absent before."""

import random
from statistics import median

import pytest

from shared.domain.eta import Estimator, Running, Sample, Work

SIZES = ((512, 512), (1024, 1024), (832, 1216))
MODELS = ("flux-dev", "sdxl")


def params(steps: int = 20, size: tuple[int, int] = (1024, 1024), model: str | None = "flux-dev") -> Work:
    """Return what the estimate looks at."""
    return Work(model, steps, *size)


def true_run_s(asked: Work, noise: random.Random) -> float:
    """A simulated GPU: a fixed part, a part per step and pixel, a model's pace, some jitter."""
    pace = 1.0 if asked.model == "flux-dev" else 0.6
    work = asked.size / 1024**2
    return float((0.4 + 0.5 * work) * pace * noise.uniform(0.93, 1.07))


def history(count: int, noise: random.Random) -> list[Sample]:
    """Return finished jobs, newest first."""
    found = []
    for _ in range(count):
        asked = params(noise.choice((4, 20, 30)), noise.choice(SIZES), noise.choice(MODELS))
        found.append(Sample(asked, true_run_s(asked, noise)))
    return found


def test_under_two_samples_there_is_no_number() -> None:
    one = [Sample(params(), 10.0)]
    assert Estimator([]).run_s(params()) is None
    assert Estimator(one).run_s(params()) is None
    assert Estimator(one).line([params()], [], 1) == [None]


def test_the_median_error_is_small_once_five_samples_exist() -> None:
    noise = random.Random(7)
    errors = []
    for seen in range(5, 200):
        samples = history(seen, noise)
        asked = params(noise.choice((4, 20, 30)), noise.choice(SIZES), noise.choice(MODELS))
        expected = Estimator(samples).run_s(asked)
        assert expected is not None
        truth = true_run_s(asked, noise)
        errors.append(abs(expected - truth) / truth)
    assert median(errors) <= 0.15


@pytest.mark.parametrize("model", ["flux-dev", None, "never seen"])
def test_a_row_of_tiny_pictures_tells_nothing_of_large_ones_while_others_do(model: str | None) -> None:
    noise = random.Random(7)
    tiny, large = params(4, (256, 256)), params(40, (1024, 1024))
    seen = [tiny] * 60 + [large] * 2
    samples = [Sample(each, true_run_s(each, noise)) for each in seen]
    asked = params(30, (1024, 1024), model)
    expected, truth = Estimator(samples).run_s(asked), true_run_s(params(30), noise)
    assert expected is not None
    assert abs(expected - truth) / truth < 0.15


def test_the_same_kind_of_work_decides_before_anything_else() -> None:
    samples = [Sample(params(20), 10.0)] * 3 + [Sample(params(4), 2.0)] * 3
    assert Estimator(samples).run_s(params(4)) == 2.0


def test_a_job_that_names_no_model_learns_from_all() -> None:
    assert Estimator([Sample(params(20, model="sdxl"), 6.0)] * 2).run_s(params(20, model=None)) == 6.0


def test_only_the_newest_twenty_count() -> None:
    assert Estimator([Sample(params(), 5.0)] * 20 + [Sample(params(), 50.0)] * 100).run_s(params()) == 5.0


def test_a_line_adds_up_over_its_workers() -> None:
    estimator = Estimator([Sample(params(), 10.0)] * 2)
    running = [Running(params(), sampling_s=5.0, progress=50)]
    assert estimator.line([params()] * 3, running, 1) == [15.0, 25.0, 35.0]
    assert estimator.line([params()] * 3, running, 2) == [10.0, 15.0, 20.0]
    assert estimator.line([params()], [], 0) == [None]


def test_the_rest_follows_the_jobs_own_pace() -> None:
    estimator = Estimator([Sample(params(), 10.0)] * 2)
    slow = estimator.rest(Running(params(), sampling_s=16.0, progress=80))
    assert slow is not None and 3.0 < slow < 4.5
    assert estimator.rest(Running(params(), None, 0)) == 10.0
    assert Estimator([]).rest(Running(params(), None, 0)) is None


def test_what_is_no_number_gets_no_estimate() -> None:
    seen = [Sample(params(), 4.0), Sample(params(), 5.0)]
    assert Estimator(seen).run_s(Work(None, "many", 64, 64)) is None  # type: ignore[arg-type]  # written by hand
