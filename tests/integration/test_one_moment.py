"""What is told of several jobs at once is of one moment, though the line moves while they are read."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from api.context import EXTENSION, Context
from api.feed import StoreFeed
from shared.domain.jobs import Job
from shared.store import Store
from tests.builders import ALICE, PARAMS
from tests.door_world import GPU, World, world


class Scene:
    """Three jobs of alice's wait; the store is overtaken by the line."""

    def __init__(self, alices: World) -> None:
        self._alices = alices
        self.here: Context = alices.app.extensions[EXTENSION]
        self.here.processor.index.begin_epoch("epoch")
        alices.store.cancel_waiting(ALICE.user_id)
        self.jobs = [self._answer("POST", "/image/generate", json={"prompt": "x"}) for _ in range(3)]

    def get(self, path: str) -> Any:
        """Return what alice is answered."""
        return self._answer("GET", path)

    def claim(self) -> Job:
        """Let the first be claimed, and let it be told."""
        change = self._alices.store.claim(GPU, lease_s=30)
        assert change
        self.here.processor.index.note([change.job])
        return change.job

    def end(self, job: Job) -> None:
        """Let a picture be there."""
        assert self._alices.store.complete(job, image_name=f"flux_{uuid4().hex}.png", params=PARAMS)

    def _answer(self, method: str, path: str, **more: Any) -> Any:
        answer = self._alices.ask("owner", method, path, **more)
        assert answer.status_code < 300, answer.text
        return answer.json


@pytest.fixture
def scene(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Scene]:
    with world(database_url, redis_url, tmp_path) as alices:
        yield Scene(alices)


Overtake = Callable[[Store, str, Callable[[], object]], None]


@pytest.fixture
def overtake(monkeypatch: pytest.MonkeyPatch) -> Overtake:
    """Let something happen as soon as a method of the store has read."""

    def let(store: Store, method: str, happen: Callable[[], object]) -> None:
        read = getattr(store, method)

        def reading(*args: Any, **named: Any) -> Any:
            found = read(*args, **named)
            happen()
            return found

        monkeypatch.setattr(store, method, reading)

    return let


def waiting(jobs: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Return the places of those that wait, as told, and the totals beside them."""
    return sorted((job["queue_position"], job["queue_total"]) for job in jobs if job["status"] == "queued")


def test_a_list_of_waiting_jobs_has_no_place_twice_and_nobody_who_does_not_wait(
    scene: Scene, overtake: Overtake
) -> None:
    overtake(scene.here.store, "jobs_page", scene.claim)
    jobs = scene.get("/image/jobs?status=queued")["jobs"]
    assert waiting(jobs) == [(1, 2), (2, 2)]
    assert {job["status"] for job in jobs} == {"queued"}


def test_the_status_tells_places_and_totals_of_one_moment(scene: Scene, overtake: Overtake) -> None:
    overtake(scene.here.store, "unfinished_jobs", scene.claim)
    told = scene.get("/image/status")
    assert waiting(told["jobs"]) == [(1, 2), (2, 2)]
    assert told["queue"]["waiting"] == 2
    first = next(job for job in told["jobs"] if job["job_id"] == scene.jobs[0]["job_id"])
    assert (first["status"], first["queue_position"]) == ("processing", 0)


def test_messages_tell_their_jobs_as_they_are(scene: Scene, overtake: Overtake) -> None:
    overtake(scene.here.store, "newest_jobs", scene.claim)
    first = scene.jobs[0]
    *_, bots = scene.get(f"/conversations/{first['conversation_id']}/messages")["messages"]
    assert (bots["job"]["job_id"], bots["job"]["status"]) == (first["job_id"], "processing")


def test_a_snapshot_has_no_job_twice(scene: Scene, overtake: Overtake) -> None:
    job = scene.claim()
    overtake(scene.here.store, "unfinished_jobs", lambda: scene.end(job))
    told = StoreFeed(scene.here.store, scene.here.live).snapshot(ALICE)
    (same,) = [one for one in told["jobs"] if one["job_id"] == job.job_id]
    assert same["status"] == "complete"
    assert waiting(told["jobs"]) == [(1, 2), (2, 2)]


def test_a_job_that_was_deleted_meanwhile_is_left_out(scene: Scene, overtake: Overtake) -> None:
    conversation = scene.jobs[0]["conversation_id"]

    def delete() -> None:
        for change in scene.here.store.delete_conversation(conversation, ALICE).changes:
            scene.here.processor.index.note([change.job])

    overtake(scene.here.store, "unfinished_jobs", delete)
    assert waiting(scene.get("/image/status")["jobs"]) == [(1, 2), (2, 2)]
