"""A thousand random steps against a model: the store, the index and the model agree after each.

Each step is one of the line's verbs on a random job, also verbs that must not apply: a second
claim, a cancel that races the completion, a rescue of a job that just ended.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from shared import redis_link
from shared.domain.errors import ErrorCode, JobFinished
from shared.domain.jobs import Job, Priority, Status
from shared.line_index import LineIndex
from shared.store import Change, Claimant, Store
from tests.builders import ADMIN, ALICE, BOB, stored_job

STEPS = 1000
GPU = Claimant("gpu1@host", "boot", "http://forge")


@dataclass
class Model:
    """What ought to be: every job's status, its place in the order, and whether it must stop."""

    status: dict[str, Status] = field(default_factory=dict)
    order: dict[str, tuple[int, int]] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def line(self) -> list[str]:
        """Return the waiting jobs in order."""
        waiting = [job_id for job_id, status in self.status.items() if status is Status.QUEUED]
        return sorted(waiting, key=self.order.__getitem__)


class Run:
    """One walk: the real parts, the model, and the attempts a worker may still believe in."""

    def __init__(self, store: Store, index: LineIndex, seed: int) -> None:
        self.store, self.index, self.random = store, index, random.Random(seed)
        self.model = Model()
        self.believed: list[Job] = []

    def step(self) -> None:
        """Do one random thing."""
        verbs = (self.submit, self.submit, self.claim, self.claim, self.cancel, self.end, self.put_back, self.front)
        self.random.choice(verbs)()

    def submit(self) -> None:
        priority = self.random.choice((Priority.NORMAL, Priority.NORMAL, Priority.HIGH))
        job = stored_job(self.store, self.random.choice((ALICE, BOB)), priority=priority)
        self.model.status[job.job_id] = Status.QUEUED
        self.model.order[job.job_id] = (job.priority, job.ticket)
        self.index.note([job])

    def claim(self) -> None:
        line = self.model.line()
        change = self.store.claim(GPU, lease_s=30)
        assert (change.job.job_id if change else None) == (line[0] if line else None)
        if change:
            self.model.status[change.job.job_id] = Status.PROCESSING
            self.believed.append(change.job)
            self.note(change)

    def cancel(self) -> None:
        if not self.model.status:
            return
        job_id = self.random.choice(list(self.model.status))
        before = self.model.status[job_id]
        try:
            change = self.store.cancel_job(job_id, ADMIN)
        except JobFinished:
            assert before in (Status.COMPLETE, Status.ERROR)
            return
        if before is Status.QUEUED:
            self.model.status[job_id] = Status.CANCELLED
        elif before is Status.PROCESSING:
            self.model.asked.add(job_id)
        self.note(change)

    def end(self) -> None:
        """A worker ends an attempt it believes in; it may have lost it long ago."""
        job = self.belief()
        if job is None:
            return
        ours = self.is_ours(job)
        status = self.random.choice((Status.COMPLETE, Status.ERROR, Status.CANCELLED))
        if status is Status.COMPLETE:
            change = self.store.complete(job, image_name=f"{job.job_id}.png", params={})
        elif status is Status.ERROR:
            change = self.store.fail(job, ErrorCode.STUCK, retryable=True)
        else:
            change = self.store.finish_cancel(job)
        allowed = ours and not (status is Status.ERROR and job.job_id in self.model.asked)
        assert (change is not None) == allowed
        if allowed:
            self.model.status[job.job_id] = status
        self.note(change)

    def put_back(self) -> None:
        job = self.belief()
        if job is None:
            return
        allowed = self.is_ours(job) and job.job_id not in self.model.asked
        change = self.store.put_back(job, deaths=1)
        assert (change is not None) == allowed
        if allowed:
            self.model.status[job.job_id] = Status.QUEUED
        self.note(change)

    def front(self) -> None:
        line = self.model.line()
        if not line:
            return
        change = self.store.move_to_front(self.random.choice(line))
        self.model.order[change.job.job_id] = (change.job.priority, change.job.ticket)
        assert self.model.line()[0] == change.job.job_id
        self.note(change)

    def belief(self) -> Job | None:
        return self.random.choice(self.believed) if self.believed else None

    def is_ours(self, job: Job) -> bool:
        newest = max(each.attempt for each in self.believed if each.job_id == job.job_id)
        return self.model.status[job.job_id] is Status.PROCESSING and job.attempt == newest

    def note(self, change: Change | None) -> None:
        if change is not None and change.moved_line:
            self.index.note([change.job])

    def compare(self) -> None:
        """The database, the index and the model tell the same line."""
        line = self.model.line()
        assert [job_id for job_id, _, _ in self.store.waiting_scores()] == line
        assert self.index.job_ids() == line


@pytest.fixture
def index(redis_url: str) -> Iterator[LineIndex]:
    """An index that is believed."""
    client = redis_link.connect(redis_url)
    built = LineIndex(client)
    built.begin_epoch("epoch")
    yield built
    client.close()


def test_a_thousand_random_steps_leave_store_index_and_model_alike(store: Store, index: LineIndex) -> None:
    run = Run(store, index, seed=20)
    for _ in range(STEPS):
        run.step()
        run.compare()
    ended = {store.job(job_id).status for job_id in run.model.status}  # type: ignore[union-attr]
    assert ended == set(Status)
    assert all(store.job(key).status is status for key, status in run.model.status.items())  # type: ignore[union-attr]


def test_users_are_served_in_turn_and_a_put_back_job_stands_first_again(store: Store) -> None:
    mine = [stored_job(store, ALICE).job_id for _ in range(3)]
    theirs = [stored_job(store, BOB).job_id for _ in range(2)]
    wanted = [mine[0], theirs[0], mine[1], theirs[1], mine[2]]
    assert store.fair_line() == wanted
    first = store.claim(GPU, lease_s=30, fair=True)
    assert first is not None and first.job.job_id == wanted[0]
    assert store.fair_line() == wanted[1:]
    store.put_back(first.job, deaths=1)
    assert store.fair_line() == wanted
    ran = []
    while change := store.claim(GPU, lease_s=30, fair=True):
        ran.append(change.job.job_id)
    assert ran == wanted
