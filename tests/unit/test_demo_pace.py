"""A job whose whole length is set begins with its request, not with the stand-in's first step."""

from types import SimpleNamespace
from typing import Any

import pytest

from cli.demo_sampling import _already_spent_s
from cli.demo_state import Pace


@pytest.mark.parametrize(
    ("job_seconds", "free_since", "spent"),
    [(0.05, 1.0, 2.0), (0.05, 9.5, 0.5), (None, 1.0, 0.0)],
    ids=["idle before", "waited for another", "its steps are set instead"],
)
def test_what_the_request_took_counts(job_seconds: float | None, free_since: float, spent: float) -> None:
    machine: Any = SimpleNamespace(pace=Pace(job_seconds=job_seconds), started_at=10.0, free_since=free_since)
    generation: Any = SimpleNamespace(began=8.0)
    assert _already_spent_s(machine, generation) == spent
