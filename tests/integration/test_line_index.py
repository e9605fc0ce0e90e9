"""The ticket counter and the index on a real Redis: atomic, seeded, rebuilt."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from shared import redis_link
from shared.domain.errors import QueueUnavailable
from shared.line_index import LineIndex
from shared.redis_keys import TICKET_COUNTER
from shared.store import Claimant, Store
from tests.builders import stored_job

GPU = Claimant("gpu1@host", "boot", "http://forge")


@pytest.fixture
def redis(redis_url: str) -> Iterator["Redis"]:
    """A client of an empty Redis."""
    client = redis_link.connect(redis_url)
    yield client
    client.close()


def test_thirty_submissions_at_once_take_thirty_tickets(redis: "Redis") -> None:
    index = LineIndex(redis)
    with ThreadPoolExecutor(8) as pool:
        tickets = list(pool.map(lambda _: index.next_ticket(lambda: 0), range(30)))
    assert sorted(tickets) == list(range(1, 31))


def test_a_lost_counter_starts_from_the_store(redis: "Redis") -> None:
    index = LineIndex(redis)
    assert index.next_ticket(lambda: 41) == 42
    redis.delete(TICKET_COUNTER)
    with ThreadPoolExecutor(8) as pool:
        tickets = list(pool.map(lambda _: index.next_ticket(lambda: 100), range(8)))
    assert sorted(tickets) == list(range(101, 109))


def test_a_counter_behind_the_store_is_lifted_and_never_lowered(redis: "Redis") -> None:
    index = LineIndex(redis)
    redis.set(TICKET_COUNTER, 5)
    index.raise_ticket(9)
    index.raise_ticket(3)
    assert index.next_ticket(lambda: 0) == 10


def test_without_redis_there_is_no_ticket_and_no_place() -> None:
    index = LineIndex(redis_link.connect("redis://127.0.0.1:1"))
    with pytest.raises(QueueUnavailable):
        index.next_ticket(lambda: 0)
    assert index.place("x") is None and index.job_ids() is None and not index.answers()


def test_the_index_shows_nothing_before_it_was_built(redis: "Redis", store: Store) -> None:
    index = LineIndex(redis)
    jobs = [stored_job(store) for _ in range(3)]
    index.note(jobs)
    assert index.place(jobs[2].job_id) is None
    index.begin_epoch("epoch-1")
    assert index.place(jobs[2].job_id) == (3, 3)
    assert index.job_ids() == [job.job_id for job in jobs]
    redis.flushall()
    assert index.job_ids() is None


def test_an_older_note_that_comes_late_changes_nothing(redis: "Redis", store: Store) -> None:
    index = LineIndex(redis)
    index.begin_epoch("epoch")
    waiting = stored_job(store)
    claimed = store.claim(GPU, lease_s=30)
    assert claimed is not None
    index.note([claimed.job])
    index.note([waiting])
    assert index.job_ids() == []
    back = store.put_back(claimed.job)
    assert back is not None
    index.note([back.job])
    index.note([claimed.job])
    assert index.job_ids() == [waiting.job_id]
