"""Who watches a job: told by the API, asked by the worker, on two machines."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from api.relay.presence import STANDS_S, Presence
from shared.redis_link import connect
from shared.store import Store
from tests.builders import BOB, stored_job
from worker.progress import Watchers


@pytest.mark.parametrize("ahead_s", [-4 * STANDS_S, 0, 4 * STANDS_S])
def test_who_watches_is_known_though_the_clocks_of_the_machines_differ(
    store: Store, redis_url: str, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    job, other = stored_job(store), stored_job(store, BOB)
    redis, here = connect(redis_url), time.time
    room: Any = SimpleNamespace(registry=SimpleNamespace(members=lambda: job.audience))
    watchers = Watchers(redis, allowed=True)
    assert not watchers.of(job)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(time, "time", lambda: here() + ahead_s)
        Presence(redis, room).once()
    assert (watchers.of(job), watchers.of(other)) == (True, False)
    redis.close()
