"""What the relay's sweep is told: every change once, also one whose transaction committed late."""

from collections.abc import Iterable, Iterator
from itertools import islice
from unittest.mock import Mock

import pytest
from sqlalchemy import create_engine, text

from api.feed import READ_AT_ONCE, StoreFeed
from api.relay.ports import Addressed
from shared.domain.identity import Identity
from shared.foundation import Foundation
from shared.settings import Settings
from shared.store import Store, StoreUnavailable
from shared.store.connected import driver_url
from tests.builders import ALICE, stored_job

TOUCH = text(
    "UPDATE jobs SET change_seq = nextval('job_changes'), updated_at = clock_timestamp() WHERE job_id = :job_id"
)


@pytest.fixture
def feed(database_url: str, redis_url: str) -> Iterator[StoreFeed]:
    """A feed over an empty store."""
    base = Foundation.of(Settings.from_env({"DATABASE_URL": database_url, "REDIS_URL": redis_url}, while_up=False))
    yield StoreFeed(base.store, base.live)
    base.store.close()


def all_here() -> frozenset[str]:
    """Every owner of these tests has a socket."""
    return ALICE.members


def job_ids(told: Iterable[Addressed]) -> list[str]:
    """Return whose events these are."""
    return [event["job"]["job_id"] for _, event in told]


def test_every_change_is_told_once(store: Store, feed: StoreFeed) -> None:
    first = stored_job(store)
    seq, told = feed.changes_since(0, all_here)
    assert job_ids(told) == [first.job_id]
    again, told = feed.changes_since(seq, all_here)
    assert (again, job_ids(told)) == (seq, [])
    second = stored_job(store)
    later, told = feed.changes_since(seq, all_here)
    assert later > seq and job_ids(told) == [second.job_id]


def test_a_change_that_took_its_number_before_and_committed_after_is_told(
    store: Store, feed: StoreFeed, database_url: str
) -> None:
    slow, quick = stored_job(store), stored_job(store)
    seq, told = feed.changes_since(0, all_here)
    assert job_ids(told) == [slow.job_id, quick.job_id]
    engine = create_engine(driver_url(database_url))
    with engine.connect() as late:
        late.execute(TOUCH, {"job_id": slow.job_id})
        with engine.begin() as early:
            early.execute(TOUCH, {"job_id": quick.job_id})
        seq, told = feed.changes_since(seq, all_here)
        assert job_ids(told) == [quick.job_id]
        late.commit()
    assert job_ids(feed.changes_since(seq, all_here)[1]) == [slow.job_id]
    assert job_ids(feed.changes_since(seq, all_here)[1]) == []
    engine.dispose()


def test_a_look_that_broke_in_the_middle_tells_all_of_it_again(
    store: Store, feed: StoreFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    seq, _ = feed.changes_since(0, all_here)
    made = [stored_job(store).job_id for _ in range(READ_AT_ONCE + 1)]
    _, told = feed.changes_since(seq, all_here)
    assert job_ids(islice(told, READ_AT_ONCE)) == made[:-1]
    with monkeypatch.context() as broken:
        broken.setattr(feed, "_store", Mock(jobs_of=Mock(side_effect=StoreUnavailable)))
        with pytest.raises(StoreUnavailable):
            next(told)
    assert job_ids(feed.changes_since(seq, all_here)[1]) == made


def test_only_the_jobs_of_those_who_are_here_are_read(store: Store, feed: StoreFeed) -> None:
    bob = Identity("7", "bob")
    mine, his = stored_job(store), stored_job(store, bob)
    assert job_ids(feed.changes_since(0, lambda: {"name:bob", "id:nobody"})[1]) == [his.job_id]
    assert job_ids(feed.changes_since(0, lambda: {"id:42"})[1]) == [mine.job_id]


def test_nothing_is_read_for_nobody_and_who_comes_after_the_look_is_asked_for(store: Store, feed: StoreFeed) -> None:
    made = stored_job(store)
    here: set[str] = set()
    seq, told = feed.changes_since(0, lambda: here)
    here.add("id:42")  # before the jobs are read: its snapshot may be older than the look
    assert job_ids(told) == [made.job_id]
    stored_job(store)
    here.clear()
    with pytest.MonkeyPatch.context() as counted:
        read = Mock()
        counted.setattr(feed._store, "jobs_of", read)
        assert job_ids(feed.changes_since(seq, lambda: here)[1]) == []
    read.assert_not_called()
