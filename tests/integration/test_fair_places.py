"""Under FAIR_SHARE an answer shows no place of before the move that it tells of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import stored_job
from tests.door_world import World, world


@pytest.fixture
def line(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[World]:
    """Three jobs of alice's wait, served in turn with those of others."""
    with world(database_url, redis_url, tmp_path, fair_share=True) as made:
        for _ in range(2):
            stored_job(made.store)
        yield made


def places(line: World) -> dict[str, int]:
    """Return where alice's waiting jobs stand, as she is told it."""
    listed = (line.ask("owner", "GET", "/image/jobs?status=queued").json or {})["jobs"]
    return {job["job_id"]: job["queue_position"] for job in listed}


def test_a_job_that_was_put_first_is_told_to_be_first(line: World) -> None:
    last = max(shown := places(line), key=shown.__getitem__)
    answer = line.ask("admin", "POST", f"/image/job/{last}/front")
    assert (answer.json or {})["queue_position"] == 1
    assert places(line)[last] == 1 and sorted(places(line).values()) == [1, 2, 3]


def test_who_stood_behind_a_cancelled_job_has_moved_when_the_cancel_is_answered(line: World) -> None:
    first = min(shown := places(line), key=shown.__getitem__)
    assert line.ask("owner", "DELETE", f"/image/job/{first}/cancel").status_code == 200
    assert sorted(places(line).values()) == [1, 2]
