"""What GET /image/status tells of one's own jobs."""

from pathlib import Path

from tests.builders import stored_job
from tests.door_world import world

MANY = 210


def test_every_unfinished_job_is_listed_however_many_there_are(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    with world(database_url, redis_url, tmp_path) as made:
        stored = [made.working, made.waiting, *(stored_job(made.store) for _ in range(MANY))]
        listed = (made.ask("owner", "GET", "/image/status").json or {})["jobs"]
        assert [job["job_id"] for job in listed] == [job.job_id for job in stored]
        assert [job["queue_position"] for job in listed] == list(range(MANY + 2))
