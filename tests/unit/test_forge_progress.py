"""What Forge's samples say about one generation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from worker.forge_progress import Sample, Tracker

LOADING = Sample(job_count=-1, job_timestamp="1", progress=0.01)
SAMPLING = Sample(job_count=1, job_timestamp="1", progress=0.51, step=10)


def percents(*samples: Sample, ours: bool = True) -> list[int | None]:
    tracker = Tracker()
    found = (tracker.read(sample, ours=ours) for sample in samples)
    return [progress.percent if progress else None for progress in found]


def test_says_nothing_while_forge_is_idle() -> None:
    assert percents(Sample(job_count=0, step=19, job_timestamp="0")) == [None]


def test_is_loading_at_zero_while_the_model_loads() -> None:
    progress = Tracker().read(replace(LOADING, step=19), ours=True)
    assert progress is not None
    assert (progress.percent, progress.stage) == (0, "loading")
    assert progress.job_timestamp == "1"


@pytest.mark.parametrize(
    ("progress", "percent"),
    [(0.01, 0), (0.06, 5), (0.41, 40), (0.42, 41), (0.51, 50), (0.96, 95), (1.0, 99), (1.3, 99)],
)
def test_takes_forges_offset_off_and_stays_below_100(progress: float, percent: int) -> None:
    assert percents(replace(SAMPLING, progress=progress)) == [percent]


def test_never_falls() -> None:
    assert percents(SAMPLING, replace(SAMPLING, progress=0.2), replace(SAMPLING, progress=0.7)) == [50, 50, 69]


def test_takes_nothing_from_another_generation_but_its_life() -> None:
    tracker = Tracker()
    foreign = tracker.read(SAMPLING, ours=False)
    assert foreign is not None
    assert (foreign.percent, foreign.stage, foreign.alive, foreign.job_timestamp) == (0, "loading", True, "")


@pytest.mark.parametrize(
    ("change", "alive"),
    [
        ({}, False),
        ({"progress": 0.52}, True),
        ({"step": 11}, True),
        ({"job_no": 1}, True),
        ({"job_timestamp": "2"}, True),
        ({"preview": b"x"}, False),
    ],
)
def test_is_alive_when_anything_moved(change: dict[str, Any], alive: bool) -> None:
    tracker = Tracker()
    tracker.read(SAMPLING, ours=True)
    found = tracker.read(replace(SAMPLING, **change), ours=True)
    assert found is not None
    assert found.alive is alive


ANSWER: dict[str, Any] = {
    "progress": 0.5,
    "state": {"job_count": 1, "job_no": 0, "job_timestamp": "20260101000000", "sampling_step": 3},
    "current_image": "data:image/png;base64,aGVsbG8=",
}


def test_reads_an_answer_with_and_without_prefix() -> None:
    sample = Sample.read(ANSWER)
    assert (sample.step, sample.preview, sample.idle) == (3, b"hello", False)
    assert Sample.read({**ANSWER, "current_image": "aGVsbG8="}).preview == b"hello"
    assert Sample.read({**ANSWER, "current_image": "%%%"}).preview is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"progress": 0.5},
        {"progress": "x", "state": {"job_count": 1}},
        {"progress": float("nan"), "state": {"job_count": 1}},
    ],
)
def test_refuses_what_is_no_answer_of_forges(answer: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Sample.read(answer)
