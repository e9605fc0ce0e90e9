"""What may have been stored is asked for until it is found, or until it is certain that it does not come."""

import logging
from collections.abc import Sequence
from queue import Queue
from typing import Any, cast

import pytest

from api.doubts import FIRST_PAUSE_S, LONGEST_PAUSE_S, Doubt, Doubts, pause_s
from shared.domain.jobs import Job, Status
from shared.store import Change, StoreUnavailable
from tests.unit.test_jobs import job
from tests.waiting import wait_for

AWAY, NOTHING, STORED = "away", "nothing", "stored"
JOB = job()


class FakeStore:
    """Says one thing after the other when it is asked for the job, the last of them for ever."""

    def __init__(self, *says: str) -> None:
        self._says = list(says)
        self.asked: list[Sequence[str]] = []

    def jobs_by_id(self, job_ids: Sequence[str]) -> list[Job]:
        """See `Reading.jobs_by_id`."""
        self.asked.append(job_ids)
        says = self._says.pop(0) if len(self._says) > 1 else self._says[0]
        if says == AWAY:
            raise StoreUnavailable
        return [JOB] if says == STORED and JOB.job_id in job_ids else []

    def withdraw_job(self, job_id: str) -> Change:
        """See `Withdrawals.withdraw_job`."""
        return Change(job(job_id=job_id, status=Status.CANCELLED), moved_line=True)


class FakeAnnouncer:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.told: Queue[Change] = Queue()
        self.publish = self.told.put


def doubting(store: FakeStore, announcer: FakeAnnouncer, **limits: float) -> Doubts:
    doubts = Doubts(store=cast(Any, store), announcer=cast(Any, announcer), **limits)
    doubts.add(JOB.job_id)
    return doubts


@pytest.mark.parametrize("first", [[], [AWAY, AWAY], [NOTHING], [AWAY, NOTHING, NOTHING], [NOTHING, AWAY]])
def test_whenever_it_is_found_it_is_withdrawn_and_told(first: list[str]) -> None:
    announcer = FakeAnnouncer()
    doubting(FakeStore(*first, STORED), announcer)
    assert announcer.told.get(timeout=10).job.job_id == JOB.job_id


def test_it_is_withdrawn_once(caplog: pytest.LogCaptureFixture) -> None:
    announcer, store = FakeAnnouncer(), FakeStore(STORED)
    doubts = doubting(store, announcer)
    assert announcer.told.get(timeout=10)
    doubts.add("another")
    wait_for(lambda: "another" in store.asked[-1], what="a further look")
    assert store.asked == [[JOB.job_id], ["another"]]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_what_was_said_before_it_was_away_again_proves_nothing() -> None:
    announcer, store = FakeAnnouncer(), FakeStore(NOTHING, AWAY, NOTHING, STORED)
    doubting(store, announcer, settled_s=0.12)
    assert announcer.told.get(timeout=10)


@pytest.mark.parametrize(
    ("says", "ends"), [(AWAY, "whether it was stored could not be found out"), (NOTHING, "answered 503 and not stored")]
)
def test_it_is_not_asked_for_without_end(caplog: pytest.LogCaptureFixture, says: str, ends: str) -> None:
    caplog.set_level(logging.INFO)
    announcer = FakeAnnouncer()
    doubting(FakeStore(says), announcer, settled_s=0.2, give_up_s=0.2)
    wait_for(lambda: ends in caplog.text, what="the end of the doubt")
    assert announcer.told.empty()


@pytest.mark.parametrize(
    ("ages_s", "pause"),
    [([0], FIRST_PAUSE_S), ([2], 0.5), ([2, 0.4], 0.1), ([60], LONGEST_PAUSE_S)],
    ids=["at once", "later", "something new", "long after"],
)
def test_it_is_asked_for_ever_more_rarely(ages_s: list[float], pause: float) -> None:
    assert pause_s([Doubt(str(age_s), since=100 - age_s) for age_s in ages_s], 100) == pytest.approx(pause)
